-- campaign_effect sums the cost of contacts in the currency of the campaign.
select
    contact.campaign_contact_id,
    contact.currency_code,
    campaign.currency_code as campaign_currency_code
from {{ ref('fct_campaign_contact') }} as contact
inner join {{ ref('dim_campaign') }} as campaign
    on contact.campaign_id = campaign.campaign_id
where contact.cost_amount is not null and coalesce(contact.currency_code, '') <> coalesce(campaign.currency_code, '')
