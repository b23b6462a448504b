-- The tree of group customers as of the business date. Who has several parents belongs to the latest. In a circle of
-- parents the link of its smallest id is cut, so that every customer has one root, and those concerned are marked.
with recursive parents as (

    select
        customer_id,
        parent_customer_id
    from (
        select
            from_customer_id as customer_id,
            to_customer_id as parent_customer_id,
            row_number() over (
                partition by from_customer_id order by valid_from_date desc, relation_id asc
            ) as choice
        from {{ ref('bridge_customer_relation') }}
        where relation_type = 'parent_company' and is_current
    ) as ranked
    where choice = 1

),

ancestors as (

    select
        customer_id,
        parent_customer_id as ancestor_customer_id,
        1 as distance
    from parents

    union all

    select
        ancestors.customer_id,
        parents.parent_customer_id as ancestor_customer_id,
        ancestors.distance + 1 as distance
    from ancestors
    inner join parents
        on ancestors.ancestor_customer_id = parents.customer_id
    where ancestors.distance < {{ var('group_hierarchy_levels') }}
        and ancestors.ancestor_customer_id <> ancestors.customer_id

),

in_circle as (

    select distinct customer_id
    from ancestors
    where ancestor_customer_id = customer_id

),

-- All ancestors of a member of a circle are in the circle.
cut as (

    select ancestors.customer_id
    from ancestors
    inner join in_circle
        on ancestors.customer_id = in_circle.customer_id
    group by ancestors.customer_id
    having min(ancestors.ancestor_customer_id) = ancestors.customer_id

),

links as (

    select
        parents.customer_id,
        parents.parent_customer_id
    from parents
    left join cut
        on parents.customer_id = cut.customer_id
    where cut.customer_id is null

),

members as (

    select customer_id
    from {{ ref('dim_customer') }}
    where is_current and customer_type = 'group'

    union

    select customer_id
    from parents

    union

    select parent_customer_id as customer_id
    from parents

),

tree as (

    select
        members.customer_id,
        cast(null as {{ dbt.type_string() }}) as parent_customer_id,
        members.customer_id as root_customer_id,
        1 as hierarchy_level,
        cast(members.customer_id as {{ dbt.type_string() }}) as hierarchy_path
    from members
    left join links
        on members.customer_id = links.customer_id
    where links.customer_id is null

    union all

    select
        links.customer_id,
        links.parent_customer_id,
        tree.root_customer_id,
        tree.hierarchy_level + 1 as hierarchy_level,
        tree.hierarchy_path || '/' || links.customer_id as hierarchy_path
    from tree
    inner join links
        on tree.customer_id = links.parent_customer_id
    where tree.hierarchy_level < {{ var('group_hierarchy_levels') }}

),

children as (

    select
        parent_customer_id,
        count(*) as child_count
    from links
    group by parent_customer_id

)

select
    tree.customer_id,
    tree.parent_customer_id,
    tree.root_customer_id,
    cast(tree.hierarchy_level as integer) as hierarchy_level,
    tree.hierarchy_path,
    cast(coalesce(children.child_count, 0) as bigint) as child_count,
    in_circle.customer_id is not null as is_in_circle
from tree
left join children
    on tree.customer_id = children.parent_customer_id
left join in_circle
    on tree.customer_id = in_circle.customer_id
