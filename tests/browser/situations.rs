//! The situations of Settings > Audit logs and of the pages around it: how each comes about, who looks at it, what
//! they press, and what is there then. The tests of names and roles, of accessibility, of layout and the screenshots
//! all go through this one list: a new situation is one entry.

use trailpost::domain::organization::Plan;

use super::deeds::{Deed, MANAGER, MEMBER, OTHER_OWNER, OWNER, Stage};
use crate::support::accessibility::Accessible;
use crate::support::browser::{Browser, JavaScript};

const NO_SUCH_ROLE: &str = "arn:aws:iam::111122223333:role/no-such-role";
pub const SWITCH: &str = "Audit logs are active";

/// One state of the product, and what can be looked at in it, in this order.
#[derive(Debug)]
pub struct Situation {
    pub name: &'static str,
    pub comes_about: &'static [Deed],
    pub views: &'static [View],
}

/// One thing to look at.
#[derive(Debug)]
pub struct View {
    /// Unique in the situation; empty for the page as it is at first.
    pub name: &'static str,
    pub seen_by: &'static str,
    pub at: Place,
    /// The answer's status, where it is not 200.
    pub status: Option<u16>,
    pub steps: &'static [Step],
    pub shows: &'static [Shown],
}

#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Acme's Settings > Audit logs, whoever asks.
    AuditLogs,
    /// A page of the organization of whoever looks.
    Own(&'static str),
    /// A page that needs no session.
    Open(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    Press(&'static str),
    PressAbout(&'static str),
    Follow(&'static str),
    Fill(&'static str, &'static str),
    Choose(&'static str, &'static str),
    See(&'static str),
    /// Somebody does something elsewhere, while the page is open.
    Meanwhile(Deed),
    Reload,
}

/// What has to be in the accessibility tree, or must not.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    Heading(&'static str),
    Button(&'static str),
    /// A button that is there with JavaScript only.
    CopyButton(&'static str),
    Link(&'static str),
    Field(&'static str),
    InvalidField(&'static str),
    Switch(bool),
    Text(&'static str),
    NoButton(&'static str),
    NoField(&'static str),
    NoHeading(&'static str),
}

use Place::{AuditLogs, Open, Own};
use Shown::{
    Button, CopyButton, Field, Heading, InvalidField, Link, NoButton, NoField, NoHeading, Switch, Text,
};
use Step::{Choose, Fill, Follow, Meanwhile, Press, PressAbout, Reload, See};

const AUDIT_LOGS: View =
    View { name: "", seen_by: OWNER, at: AuditLogs, status: None, steps: &[], shows: &[] };

pub const SITUATIONS: &[Situation] = &[
    Situation {
        name: "not-configured",
        comes_about: &[],
        views: &[
            View {
                shows: &[
                    Heading("Audit logs"),
                    Heading("Make a role that trusts us"),
                    Field("Role ARN"),
                    Field("Amazon S3 bucket"),
                    Button("Advanced"),
                    Button("Enable audit logging"),
                    Button("Show set-up"),
                    NoField("Prefix"),
                    NoButton("More actions"),
                    NoButton("Update settings"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "advanced",
                steps: &[Press("Advanced"), Choose("Encryption", "KMS key")],
                shows: &[
                    Field("Prefix"),
                    Field("Bucket owner account"),
                    Field("Encryption"),
                    Field("KMS key ARN"),
                    Field("Format"),
                    Field("Compression"),
                    Field("Delivery window"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "invalid",
                status: Some(422),
                steps: &[
                    Fill("Role ARN", "arn:aws:iam::111122223333:user/ada"),
                    Fill("Amazon S3 bucket", "acme-audit-logs"),
                    Press("Advanced"),
                    Fill("Prefix", "/team/../*"),
                    Press("Enable audit logging"),
                    See("Nothing was saved. Correct this first:"),
                ],
                shows: &[
                    Heading("Nothing was saved. Correct this first:"),
                    Link("Role ARN"),
                    Link("Prefix"),
                    InvalidField("Role ARN"),
                    InvalidField("Prefix"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "not-a-member",
                seen_by: OTHER_OWNER,
                status: Some(404),
                shows: &[Heading("Page not found"), NoHeading("Audit logs"), Button("Sign out")],
                ..AUDIT_LOGS
            },
            View {
                name: "member-not-owner",
                seen_by: MEMBER,
                status: Some(403),
                shows: &[
                    Heading("Only organization owners can manage audit logs"),
                    Heading("Owners you can ask"),
                    Text(OWNER),
                    NoField("Role ARN"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "below-enterprise",
                seen_by: OTHER_OWNER,
                at: Own("/settings/audit-logs"),
                shows: &[
                    Heading("Audit logs"),
                    Heading("Audit logs are part of Enterprise"),
                    Link("See your plan"),
                    NoField("Role ARN"),
                    NoButton("Enable audit logging"),
                    NoButton("More actions"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "overview",
                at: Own(""),
                shows: &[Heading("Acme"), Heading("Audit logs"), CopyButton("Copy organization ID")],
                ..AUDIT_LOGS
            },
            View {
                name: "overview-of-a-member",
                seen_by: MEMBER,
                at: Own(""),
                shows: &[Heading("Acme"), NoHeading("Audit logs")],
                ..AUDIT_LOGS
            },
            View {
                name: "general",
                at: Own("/settings/general"),
                shows: &[Heading("General"), Field("Organization name"), Button("Save")],
                ..AUDIT_LOGS
            },
            View {
                name: "general-of-a-manager",
                seen_by: MANAGER,
                at: Own("/settings/general"),
                shows: &[Heading("General"), NoField("Organization name")],
                ..AUDIT_LOGS
            },
            View {
                name: "organizations",
                at: Own(""),
                steps: &[PressAbout("Acme")],
                shows: &[Link("Acme Owner")],
                ..AUDIT_LOGS
            },
            View {
                name: "plan",
                at: Own("/settings/plan"),
                shows: &[Heading("Plan"), Text("Audit logs included")],
                ..AUDIT_LOGS
            },
            View {
                name: "plan-below-enterprise",
                seen_by: OTHER_OWNER,
                at: Own("/settings/plan"),
                shows: &[Heading("Plan"), Text("Audit logs not included")],
                ..AUDIT_LOGS
            },
            View {
                name: "sign-in",
                at: Open("/sign-in"),
                shows: &[Heading("Sign in"), Field("Email"), Field("Password"), Button("Sign in")],
                ..AUDIT_LOGS
            },
            View {
                name: "sign-in-failed",
                at: Open("/sign-in"),
                status: Some(422),
                steps: &[
                    Fill("Email", OWNER),
                    Fill("Password", "not the password"),
                    Press("Sign in"),
                    See("password"),
                ],
                shows: &[Heading("Sign in"), Field("Email")],
                ..AUDIT_LOGS
            },
        ],
    },
    Situation {
        name: "checking",
        comes_about: &[Deed::EnableDenied(NO_SUCH_ROLE)],
        views: &[
            View {
                shows: &[
                    Heading("Access check"),
                    Heading("Settings being checked"),
                    Text("Checking"),
                    Text("still trying for 60 s, new roles can be slow"),
                    Button("Cancel"),
                    Link("Refresh"),
                    NoField("Role ARN"),
                    NoButton("Enable audit logging"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "failed",
                steps: &[Meanwhile(Deed::PassTheCheck), Reload],
                shows: &[
                    Heading("Access check"),
                    Text("Not checked"),
                    Text("Your turn"),
                    CopyButton("Copy the fix"),
                    Field("Role ARN"),
                    Button("Enable audit logging"),
                    NoButton("Cancel"),
                ],
                ..AUDIT_LOGS
            },
        ],
    },
    Situation {
        name: "another-check",
        comes_about: &[],
        views: &[View {
            status: Some(409),
            steps: &[
                Fill("Role ARN", "arn:aws:iam::111122223333:role/trailpost-audit-logs"),
                Fill("Amazon S3 bucket", "acme-audit-logs/typed"),
                Meanwhile(Deed::EnableDenied(NO_SUCH_ROLE)),
                Press("Enable audit logging"),
                See("Another access check is under way"),
            ],
            shows: &[
                Heading("Another access check is under way"),
                Text("asked for it"),
                Text("Being checked"),
                Text("acme-audit-logs/typed"),
                Heading("Access check"),
                Button("Cancel"),
                Field("Role ARN"),
                Button("Enable audit logging"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "superseded",
        comes_about: &[Deed::Enable, Deed::UpdateDenied(NO_SUCH_ROLE), Deed::Disable],
        views: &[View {
            shows: &[
                Switch(false),
                Heading("Access check"),
                Text("Superseded"),
                Text("disabled audit logs during the access check"),
                Heading("What is in this form is not in force"),
                NoButton("Cancel"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "cancelled",
        comes_about: &[Deed::Enable, Deed::UpdateDenied(NO_SUCH_ROLE), Deed::CancelTheCheck],
        views: &[
            View {
                shows: &[
                    Switch(true),
                    NoHeading("Access check"),
                    Heading("What is in this form is not in force"),
                    Text("Their access check was cancelled"),
                    Link("Show what is in force"),
                    Button("Update settings"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "back",
                steps: &[Follow("Show what is in force"), See("Audit logs")],
                shows: &[NoHeading("What is in this form is not in force"), Button("Update settings")],
                ..AUDIT_LOGS
            },
        ],
    },
    Situation {
        name: "update-failed",
        comes_about: &[Deed::Enable, Deed::UpdateDenied(NO_SUCH_ROLE), Deed::PassTheCheck],
        views: &[View {
            steps: &[Press("Set-up in AWS")],
            shows: &[
                Switch(true),
                Heading("Access check"),
                Text("Your turn"),
                Heading("What is in this form is not in force"),
                Text("Their access check failed"),
                Link("Show what is in force"),
                Text("other settings are in force"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "active",
        comes_about: &[Deed::Enable],
        views: &[
            View {
                name: "at-first",
                shows: &[
                    Switch(true),
                    Text("None yet"),
                    Heading("No deliveries yet"),
                    Button("Update settings"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "check",
                steps: &[Follow("See the check"), See("Settings that were checked")],
                shows: &[
                    Heading("Access check"),
                    Heading("Stages"),
                    Heading("Settings that were checked"),
                    Text("External ID is required"),
                    Link("Audit logs"),
                    NoButton("Cancel"),
                ],
                ..AUDIT_LOGS
            },
            View {
                steps: &[
                    Meanwhile(Deed::Ingest(9)),
                    Meanwhile(Deed::Deliver),
                    Meanwhile(Deed::Ingest(1)),
                    Meanwhile(Deed::Deliver),
                    Meanwhile(Deed::Ingest(1234)),
                    Reload,
                ],
                shows: &[
                    Switch(true),
                    Heading("Delivery"),
                    Heading("Delivery history"),
                    Text("1,234 records"),
                    Text("Last changed"),
                    Text("Access last checked"),
                    Link("See the check"),
                    NoHeading("Access check"),
                    CopyButton("Copy external ID"),
                    Button("Update settings"),
                    Button("More actions"),
                    Button("Set-up in AWS"),
                    NoButton("Enable audit logging"),
                    NoButton("Remove integration"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "more-actions",
                steps: &[Press("More actions")],
                shows: &[Button("Run access check"), Button("Deliver now"), Link("Remove integration")],
                ..AUDIT_LOGS
            },
            View {
                name: "unfolded",
                steps: &[Press("Advanced"), Press("Set-up in AWS")],
                shows: &[Field("Prefix"), Text("Trusted principal"), CopyButton("Copy trusted principal")],
                ..AUDIT_LOGS
            },
            View {
                name: "disable",
                steps: &[Meanwhile(Deed::Ingest(17)), Press(SWITCH), See("Disable audit logs?")],
                shows: &[
                    Heading("Disable audit logs?"),
                    Text("records are waiting"),
                    Button("Confirm"),
                    Button("Deliver first, then disable"),
                    Button("Cancel"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "remove",
                steps: &[Press("More actions"), Follow("Remove integration"), See("Remove integration?")],
                shows: &[
                    Heading("Remove integration?"),
                    Text("records are waiting"),
                    Button("Remove integration"),
                    Button("Deliver first, then remove"),
                    Button("Cancel"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "disable-with-nothing-waiting",
                steps: &[Meanwhile(Deed::Deliver), Reload, Press(SWITCH), See("Disable audit logs?")],
                shows: &[
                    Text("No records are waiting, so none will be lost."),
                    Button("Confirm"),
                    Button("Cancel"),
                    NoButton("Deliver first, then disable"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "conflict",
                status: Some(409),
                steps: &[
                    Fill("Amazon S3 bucket", "acme-audit-logs-frankfurt"),
                    Meanwhile(Deed::SaveElsewhere("security/production")),
                    Press("Update settings"),
                    See("Someone else changed these settings"),
                ],
                shows: &[
                    Heading("Someone else changed these settings"),
                    Text("Saved now"),
                    Text("Yours"),
                    Text("security/production"),
                    Field("Amazon S3 bucket"),
                ],
                ..AUDIT_LOGS
            },
        ],
    },
    Situation {
        name: "inactive",
        comes_about: &[Deed::Enable, Deed::Ingest(3), Deed::Deliver, Deed::Ingest(5), Deed::Disable],
        views: &[View {
            shows: &[
                Switch(false),
                Text("Inactive"),
                Text("Nothing is collected."),
                Button("Update settings"),
                Button("More actions"),
                Heading("Delivery history"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "stopping",
        comes_about: &[
            Deed::Enable,
            Deed::Ingest(3),
            Deed::Deliver,
            Deed::DenyWrites,
            Deed::Ingest(12),
            Deed::DeliverFirstThenRemove,
        ],
        views: &[View {
            shows: &[
                Heading("Delivering the last records"),
                Text("To be delivered first"),
                Button("Stop waiting"),
                NoButton("More actions"),
                NoButton("Update settings"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "failing",
        comes_about: &[
            Deed::Enable,
            Deed::Ingest(3),
            Deed::Deliver,
            Deed::DenyWrites,
            Deed::Ingest(132),
            Deed::FailToDeliver,
        ],
        views: &[
            View {
                shows: &[
                    Switch(true),
                    Text("Action needed"),
                    Text("AccessDenied"),
                    Text("AWS request ID"),
                    Text("records are held and will be delivered."),
                    Text("The first of them expire"),
                    CopyButton("Copy the fix"),
                    Button("Check again"),
                    Button("Update settings"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "overview",
                at: Own(""),
                shows: &[Heading("Audit logs"), Text("Action needed")],
                ..AUDIT_LOGS
            },
        ],
    },
    Situation {
        name: "retrying",
        comes_about: &[Deed::Enable, Deed::SlowDown, Deed::Ingest(3), Deed::FailToDeliver],
        views: &[View { shows: &[Switch(true), Text("Retrying")], ..AUDIT_LOGS }],
    },
    Situation {
        name: "too-open",
        comes_about: &[Deed::Enable, Deed::Ingest(3), Deed::Deliver, Deed::LetAnybodyIn],
        views: &[View {
            shows: &[
                Switch(true),
                Text("Deliveries go on."),
                CopyButton("Copy the fix"),
                Button("Check again"),
                Button("Update settings"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "suspended",
        comes_about: &[Deed::Enable, Deed::Ingest(3), Deed::Deliver, Deed::ChangePlan(Plan::Standard)],
        views: &[View {
            shows: &[
                Heading("Audit logs are suspended"),
                Text("To cut our access now"),
                Link("See your plan"),
                Heading("Settings"),
                NoButton("More actions"),
                NoButton("Update settings"),
            ],
            ..AUDIT_LOGS
        }],
    },
    Situation {
        name: "activity",
        comes_about: &[
            Deed::Enable,
            Deed::Ingest(60),
            Deed::Deliver,
            Deed::Ingest(1),
            Deed::DenyWrites,
            Deed::FailToDeliver,
        ],
        views: &[
            View {
                name: "",
                at: Own("/activity"),
                shows: &[
                    Heading("Activity"),
                    Heading("Filter"),
                    Heading("Records"),
                    Heading("Export"),
                    Link("Download pending records"),
                    Text("Create index"),
                    Link("Older"),
                    Button("Export as NDJSON"),
                    Button("Export as CSV"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "filtered",
                at: Own("/activity?actor=nobody"),
                shows: &[
                    Field("Actor"),
                    Field("Resource ID"),
                    Field("Outcome"),
                    Button("Apply filters"),
                    Heading("No records match"),
                    Link("Clear filters"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "mistyped",
                at: Own("/activity?from=yesterday&outcome=maybe"),
                status: Some(422),
                shows: &[
                    InvalidField("From (UTC)"),
                    InvalidField("Outcome"),
                    Text("Write a date and a time"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "record",
                at: Own("/activity/records/2"),
                shows: &[
                    Heading("Create user"),
                    Heading("Record 2"),
                    Link("Same actor"),
                    CopyButton("Copy record"),
                ],
                ..AUDIT_LOGS
            },
            View {
                name: "of-a-member",
                seen_by: MEMBER,
                at: Own("/activity"),
                status: Some(403),
                shows: &[Text(OWNER), NoField("Actor")],
                ..AUDIT_LOGS
            },
            View {
                name: "timeline",
                at: AuditLogs,
                shows: &[
                    Heading("Deliveries over time"),
                    Heading("Last 24 hours"),
                    Button("Last 30 days as a table"),
                    Text("Download records of"),
                ],
                ..AUDIT_LOGS
            },
        ],
    },
];

impl View {
    /// Brings the browser to what is to be seen. Whoever looks is signed in already.
    pub async fn come(&self, stage: &Stage, browser: &Browser) {
        browser.go(&self.path(stage)).await;
        for step in self.steps {
            step.take(stage, browser).await;
        }
    }

    fn path(&self, stage: &Stage) -> String {
        match self.at {
            AuditLogs => stage.page(),
            Own(path) => {
                format!("/organizations/{}{path}", stage.product.account(self.seen_by).organization_id)
            }
            Open(path) => path.to_owned(),
        }
    }

    /// Whether it is looked at without a session.
    pub fn is_open(&self) -> bool {
        matches!(self.at, Open(_))
    }

    /// What should be in the accessibility tree, or should not, and is otherwise.
    pub fn missing(&self, tree: &[Accessible], javascript: JavaScript) -> Vec<String> {
        self.shows
            .iter()
            .filter(|shown| !shown.holds(tree, javascript))
            .map(|shown| format!("{shown:?}"))
            .collect()
    }
}

impl Step {
    async fn take(self, stage: &Stage, browser: &Browser) {
        match self {
            Press(name) => browser.click_button(name).await,
            PressAbout(part) => browser.click_button_about(part).await,
            Follow(name) => browser.click_link(name).await,
            Fill(label, value) => browser.fill(label, value).await,
            Choose(label, option) => browser.choose(label, option).await,
            See(text) => browser.see_text(text).await,
            Meanwhile(deed) => stage.act(deed).await,
            Reload => browser.go(&browser.path().await).await,
        }
    }
}

impl Shown {
    fn holds(self, tree: &[Accessible], javascript: JavaScript) -> bool {
        let has = |role: &str, name: &str| tree.iter().any(|item| item.role == role && item.name == name);
        let button = |name: &str| has("button", name) || has("DisclosureTriangle", name);
        let field = |name: &str| {
            tree.iter().find(|item| matches!(item.role.as_str(), "textbox" | "combobox") && item.name == name)
        };
        match self {
            Heading(name) => has("heading", name),
            NoHeading(name) => !has("heading", name),
            Button(name) => button(name),
            CopyButton(name) => button(name) == (javascript == JavaScript::On),
            NoButton(name) => !button(name),
            Link(name) => has("link", name),
            Field(name) => field(name).is_some(),
            NoField(name) => field(name).is_none(),
            InvalidField(name) => field(name).is_some_and(|field| field.state.invalid),
            Switch(on) => tree
                .iter()
                .any(|item| item.role == "switch" && item.name == SWITCH && item.state.checked == Some(on)),
            Text(text) => tree.iter().any(|item| item.name.contains(text)),
        }
    }
}
