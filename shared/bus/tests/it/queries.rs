//! Questions and answers.

use crate::support::World;
use neptune_bus::RequestError;
use neptune_contracts::{
    names::Service,
    query::{BudgetQuery, BudgetReport, QueryError},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_refused_or_said_to_be_nobodys() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let asker = world.bus(Service::Operator).await;
    let nobody = asker.request(&BudgetQuery { team: "support".parse().unwrap() }).await.unwrap_err();
    assert!(matches!(nobody, RequestError::Unavailable { service: "governance" }), "{nobody}");
    let governance = world.bus(Service::Governance).await;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let answer = |query: BudgetQuery| async move {
            if query.team.as_str() == "support" {
                Ok(BudgetReport { budgets: Vec::new() })
            } else {
                Err(QueryError { code: "not_found".into(), message: "no such team".into() })
            }
        };
        governance.serve::<BudgetQuery, _, _>(&stop, answer).await.unwrap();
    });
    let answered = || async { asker.request(&BudgetQuery { team: "support".parse().unwrap() }).await.is_ok() };
    wait_until("the service answers", Duration::from_secs(5), answered).await;
    let refused = asker.request(&BudgetQuery { team: "sales".parse().unwrap() }).await.unwrap_err();
    assert!(matches!(refused, RequestError::Refused(error) if error.code == "not_found"));
    assert_eq!(asker.ping_services(Duration::from_millis(500)).await.unwrap(), ["governance"]);
    shutdown.cancel();
}
