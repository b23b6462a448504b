"""Code lists of the extracts, and the names that people and firms have. Rows hold positions in these lists."""

from functools import cache

EVENT_TYPES = (
    "activated",
    "terminated",
    "suspended",
    "resumed",
    "plan_changed",
    "number_changed",
    "account_changed",
    "region_changed",
    "owner_changed",
)
# Position 0 is "resumes" in the state of a suspended line, so reasons start at 1.
REASONS = ("none", "request", "port_out", "non_payment", "fraud")
DOCUMENT_TYPES = ("invoice", "credit_note", "adjustment", "statement")
CHARGE_TYPES = ("recurring", "usage", "one_off", "discount", "credit", "equipment", "interconnect", "ict_project")
SERVICES = ("voice", "sms", "data", "vas")
DIRECTIONS = ("outgoing", "incoming")
NETWORKS = ("on_net", "off_net", "none")
ROAMING = ("home", "national", "international")
# Firms that pay for the data their services need.
SPONSORS = ("StreamBox", "MapWay", "PayLink")
TOPUP_CHANNELS = ("online", "store", "agent", "bank")
PAYMENT_METHODS = ("WeChat Pay", "Alipay", "Bank debit", "Cash")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
GIVEN_NAMES = (
    *"伟芳娜敏静磊军洋勇艳杰涛明超霞平刚桂英华",
    *("子轩", "浩然", "梓涵", "欣怡", "建国", "秀英", "志强", "晓东", "雨桐", "思远"),
)
FIRM_WORDS = ("恒信", "中泰", "宏达", "金石", "远洋", "华瑞", "天成", "博雅", "盛世", "联创")
FIRM_KINDS = ("科技", "贸易", "物流", "餐饮", "制造", "医药", "建设", "传媒")


@cache
def names() -> tuple[str, ...]:
    """Every name a customer may have: people first, then firms (`firm_names_from`)."""
    people = [family + given for family in SURNAMES for given in GIVEN_NAMES]
    firms = [f"{word}{kind}有限公司" for word in FIRM_WORDS for kind in FIRM_KINDS]
    return (*people, *firms)


def firm_names_from() -> int:
    """Position of the first firm in `names`."""
    return len(SURNAMES) * len(GIVEN_NAMES)
