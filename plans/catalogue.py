"""What every deployment knows before its first plan: the incident types of the reporting form and the canonical groups
onto which plans map their own (G-DUTY and G-SUP are the floor of a site; the others are those that the sources name)."""

from typing import NamedTuple

from plans.models import Family


class Type(NamedTuple):
    slug: str
    family: Family
    en: str
    zh: str


class Canonical(NamedTuple):
    key: str
    en: str
    zh: str
    duties_en: str
    duties_zh: str


GENERAL = "general-emergency"  # the plan for every type that has none of its own

TYPES = (
    Type("seat-equipment-fault", Family.TECHNICAL, "Seat equipment fault", "座席设备故障"),
    Type("application-fault", Family.TECHNICAL, "Application or system fault", "应用系统故障"),
    Type("power-cut", Family.TECHNICAL, "Power cut", "断电"),
    Type("air-conditioning-fault", Family.TECHNICAL, "Air-conditioning fault", "空调故障"),
    Type("fire-alarm", Family.SAFETY, "Alarm or fire", "警报或火情"),
    Type("network-fault", Family.TECHNICAL, "Network fault", "网络故障"),
    Type("inbound-surge", Family.OPERATIONS, "Inbound surge", "呼入量激增"),
    Type("outbound-surge", Family.OPERATIONS, "Outbound surge", "外呼量激增"),
    Type(GENERAL, Family.GENERAL, "Something else", "其他突发情况"),
)

GROUPS = (
    Canonical(
        "G-DUTY",
        "Duty leaders",
        "值班长",
        "First to hear from agents; check what was reported and pass it on.",
        "最先接到座席报告，核实情况并上报主管。",
    ),
    Canonical(
        "G-SUP",
        "Supervisors",
        "现场主管",
        "Run the shift: assess reports, choose the plan and the level, lead the floor.",
        "负责当班现场：研判报告、选用预案和级别、指挥现场处置。",
    ),
    Canonical(
        "G-LEAD",
        "Leading group",
        "应急领导小组",
        "Confirms levels 1 and 2, takes the big decisions, ends the response, leads the review.",
        "确认一级、二级响应，作出重大决策，宣布终止响应，主持复盘。",
    ),
    Canonical(
        "G-CMD",
        "Command",
        "应急指挥部",
        "Runs one incident: hands out tasks, gathers information, speaks for the response.",
        "统一指挥单次事件：分派任务、汇总信息、对内发布指令。",
    ),
    Canonical(
        "G-OFF",
        "Emergency office",
        "应急办公室",
        "Takes reports around the clock and keeps the papers of the plan system in order.",
        "全天候受理报告，负责预案体系的日常管理。",
    ),
    Canonical(
        "G-HAND",
        "Handling group",
        "应急处置小组",
        "Carries out the measures, moves people and things, reports progress and the end.",
        "落实各项处置措施，调度人员物资，报告进展和结束情况。",
    ),
    Canonical(
        "G-TECH",
        "Technical support",
        "技术支持小组",
        "Finds and repairs faults of systems, network, power and equipment; switches to standby.",
        "查找并排除系统、网络、供电和设备故障，必要时切换备用。",
    ),
    Canonical(
        "G-CUST",
        "Customer care",
        "客户服务小组",
        "Answers, reassures and calls back customers; takes care of complaints.",
        "接听、安抚和回访客户，处理投诉。",
    ),
    Canonical(
        "G-HR",
        "Human resources",
        "人力资源小组",
        "Finds people to fill in, looks after staff who are ill, hurt or shaken.",
        "调配替补人员，照顾患病、受伤和情绪受影响的员工。",
    ),
    Canonical(
        "G-LOG",
        "Logistics",
        "后勤保障组",
        "Supplies, transport, food; keeps UPS, generator and building services going.",
        "保障物资、交通和餐饮，维护 UPS、发电机和楼宇设施。",
    ),
    Canonical(
        "G-PUB",
        "Public information",
        "信息发布组",
        "Writes and approves what goes outside; watches and answers rumours.",
        "起草和审核对外信息，关注舆情，澄清不实传言。",
    ),
    Canonical(
        "G-LIA",
        "Liaison",
        "协调联络组",
        "Carries information between groups and to superiors, authorities and partners.",
        "负责各组之间以及与上级、主管部门、合作方的信息传递。",
    ),
    Canonical(
        "G-SCENE",
        "Scene handling",
        "现场处置组",
        "Works where it happens: clears the area, contains the damage, keeps the facts.",
        "在事发现场疏散人员、控制事态、保留证据。",
    ),
    Canonical(
        "G-RESC",
        "Rescue support",
        "救援保障组",
        "Helps the injured, brings rescue supplies, clears the scene.",
        "救助伤员，保障救援物资，清理现场。",
    ),
    Canonical(
        "G-DATA",
        "Data analysis",
        "数据分析组",
        "Watches the live figures and forecasts what is needed next.",
        "监看实时数据，预测需求，提出资源调整建议。",
    ),
    Canonical(
        "G-SHIP",
        "Delivery",
        "物流配送组",
        "Delivery, stock and spare parts for customers.",
        "负责向客户发货、库存和备件。",
    ),
    Canonical(
        "G-SEC",
        "Security and safety",
        "安全保卫组",
        "Keeps order and access, patrols, works with police and fire brigade.",
        "维持秩序和出入管理，开展巡查，配合公安和消防。",
    ),
    Canonical(
        "G-COOP",
        "Cooperating departments",
        "协作部门",
        "Finance, legal, quality and others that lend a hand when asked.",
        "财务、法务、质量等部门，按需提供支持。",
    ),
    Canonical("G-NET", "Network working group", "网络工作组", "Handles network incidents.", "处置网络类事件。"),
    Canonical(
        "G-DIS",
        "Natural disaster working group",
        "自然灾害工作组",
        "Handles natural disasters.",
        "处置自然灾害类事件。",
    ),
    Canonical(
        "G-CPL", "Complaint working group", "投诉工作组", "Handles waves of complaints.", "处置投诉集中爆发的情况。"
    ),
    Canonical(
        "G-STAFF",
        "Staff working group",
        "人员工作组",
        "Handles sudden absence and illness.",
        "处置人员突然缺岗、患病的情况。",
    ),
    Canonical(
        "G-EVAL",
        "Drill evaluation",
        "演练评估组",
        "Watches drills, scores them and writes down the findings.",
        "观察演练、评分并记录发现的问题。",
    ),
)
