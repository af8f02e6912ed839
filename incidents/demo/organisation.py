"""Two sites, sixty seats, the people and the groups. Running it again changes nothing."""

from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import make_password
from django.db import transaction

from contactops.accounts.models import Channel, ContactPoint, Language, Role, User
from incidents.demo import roster
from plans.models import Area, Group, Membership, Position, Seat, Site

SITES = (
    ("leeds", {"en": "Leeds", "zh-hans": "利兹"}, "Europe/London", "L", 40),
    ("xian", {"en": "Xi’an", "zh-hans": "西安"}, "Asia/Shanghai", "X", 20),
)
AREAS = (("a", {"en": "Area A", "zh-hans": "A区"}), ("b", {"en": "Area B", "zh-hans": "B区"}))
ROW = 5  # seats in a row; the first three of a row are on the UPS: twelve of twenty

# username, name, role, site, language
PEOPLE = (
    ("agent", "Amy Shaw", Role.AGENT, "leeds", Language.EN),
    ("leader", "Ben Clarke", Role.LEADER, "leeds", Language.EN),
    ("supervisor", "Sara Hughes", Role.SUPERVISOR, "leeds", Language.EN),
    ("manager", "Martin Cole", Role.MANAGER, "leeds", Language.EN),
    ("admin", "Ada Wood", Role.ADMINISTRATOR, "leeds", Language.EN),
    ("auditor", "Ann Price", Role.AUDITOR, "leeds", Language.EN),
    ("tech", "Tom Reid", Role.MEMBER, "leeds", Language.EN),
    ("director", "Diana Chen", Role.MEMBER, "leeds", Language.EN),
    ("logistics", "Leo Grant", Role.MEMBER, "leeds", Language.EN),
    ("people-care", "Hannah Stone", Role.MEMBER, "leeds", Language.EN),
    ("press", "Paul Dean", Role.MEMBER, "leeds", Language.EN),
    ("customer-care", "Clare Boyd", Role.MEMBER, "leeds", Language.EN),
    ("supervisor-xian", "王芳", Role.SUPERVISOR, "xian", Language.ZH_HANS),
    ("leader-xian", "李伟", Role.LEADER, "xian", Language.ZH_HANS),
    ("tech-xian", "张强", Role.MEMBER, "xian", Language.ZH_HANS),
    ("agent-xian", "刘洋", Role.AGENT, "xian", Language.ZH_HANS),
)
AGENTS = tuple((f"agent{n:02d}", f"Agent {n:02d}", Role.AGENT, "leeds", Language.EN) for n in range(1, 41))

# key, site, name, members in the order in which they are asked
GROUPS = (
    ("G-LEAD", "", {"en": "Leading group", "zh-hans": "应急领导小组"}, ("director", "manager")),
    ("G-CMD", "", {"en": "Command", "zh-hans": "应急指挥部"}, ("director", "supervisor")),
    ("G-SUP", "leeds", {"en": "Supervisors, Leeds", "zh-hans": "利兹现场主管"}, ("supervisor",)),
    ("G-SUP", "xian", {"en": "Supervisors, Xi’an", "zh-hans": "西安现场主管"}, ("supervisor-xian",)),
    ("G-DUTY", "leeds", {"en": "Duty leaders, Leeds", "zh-hans": "利兹值班长"}, ("leader",)),
    ("G-DUTY", "xian", {"en": "Duty leaders, Xi’an", "zh-hans": "西安值班长"}, ("leader-xian",)),
    ("G-HAND", "", {"en": "Handling group", "zh-hans": "应急处置小组"}, ("supervisor", "leader")),
    ("G-TECH", "", {"en": "Technical support", "zh-hans": "技术支持小组"}, ("tech",)),
    ("G-TECH", "xian", {"en": "Technical support, Xi’an", "zh-hans": "西安技术支持"}, ("tech-xian", "tech")),
    ("G-CUST", "", {"en": "Customer care", "zh-hans": "客户服务小组"}, ("customer-care", "leader")),
    ("G-HR", "", {"en": "People", "zh-hans": "人力资源小组"}, ("people-care",)),
    ("G-LOG", "", {"en": "Logistics", "zh-hans": "后勤保障组"}, ("logistics",)),
    ("G-PUB", "", {"en": "Public information", "zh-hans": "宣传报道小组"}, ("press",)),
    ("G-LIA", "", {"en": "Liaison", "zh-hans": "协调联络组"}, ("press", "manager")),
    ("G-COOP", "", {"en": "Other departments", "zh-hans": "协作部门"}, ("people-care", "logistics")),
    ("G-SEC", "", {"en": "Security", "zh-hans": "安全保卫组"}, ("logistics",)),
    # Nothing calls this group: its roster has a gap every other Sunday, so that the page of gaps has something to show.
    (
        "G-RES",
        "leeds",
        {"en": "Reserve, Leeds", "zh-hans": "利兹后备人员"},
        ("people-care", "customer-care", "press", "agent01"),
    ),
)


@transaction.atomic
def seed() -> None:
    sites = _sites()
    people = _people(sites)
    for key, site, name, members in GROUPS:
        group, _made = Group.objects.get_or_create(key=key, site=sites.get(site), defaults={"name": name})
        for order, username in enumerate(members, start=1):
            position = Position.LEADER if order == 1 else Position.DEPUTY if order == 2 else Position.MEMBER
            given = {"position": position, "order": order}
            Membership.objects.get_or_create(group=group, user=people[username], defaults=given)
    roster.seed()


def _sites() -> dict[str, Site]:
    sites = {}
    for code, name, zone, letter, seats in SITES:
        site, _made = Site.objects.get_or_create(code=code, defaults={"name": name, "time_zone": zone})
        sites[code] = site
        areas = [Area.objects.get_or_create(site=site, code=area, defaults={"name": said})[0] for area, said in AREAS]
        rows = [
            Seat(
                site=site,
                code=f"{letter}{n:02d}",
                area=areas[0 if n <= seats // 2 else 1],
                row=f"{(n - 1) // ROW + 1}",
                switch=f"sw-{code}-{(n - 1) // 20 + 1}",
                power_fed=(n - 1) % ROW < 3,
            )
            for n in range(1, seats + 1)
        ]
        Seat.objects.bulk_create(rows, ignore_conflicts=True)
    return sites


def _people(sites: dict[str, Site]) -> dict[str, User]:
    wanted = (*PEOPLE, *AGENTS)
    known = set(User.objects.filter(username__in=[row[0] for row in wanted]).values_list("username", flat=True))
    missing = [row for row in wanted if row[0] not in known]
    with ThreadPoolExecutor(2) as pool:  # hashing is slow on purpose, and needs no lock
        hashes = list(pool.map(lambda row: make_password(f"demo-{row[0]}"), missing))
    for number, ((username, name, role, site, language), password) in enumerate(
        zip(missing, hashes, strict=True), start=len(known) + 1
    ):
        user = User.objects.create(
            username=username,
            password=password,
            name=name,
            role=role,
            site=sites[site],
            language=language,
            employee_number=f"E{number:04d}",
            is_superuser=role == Role.ADMINISTRATOR,
        )
        if role != Role.AGENT:
            ContactPoint.objects.create(user=user, channel=Channel.EMAIL, address=f"{username}@example.org")
    return {user.username: user for user in User.objects.filter(username__in=[row[0] for row in wanted])}
