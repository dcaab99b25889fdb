//! The list of patients.

use super::super::chart::Chart;
use super::super::summary;
use super::frame::frame;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// Problems named in a row of the list.
const NAMED_PROBLEMS: usize = 3;

/// Every patient: name, age, sex, problems.
pub fn patients(charts: &[Chart], now: Timestamp) -> Markup {
    frame(
        "Patients",
        &html! {
            section .panel {
                div .panel-head {
                    h1 { "Patients" }
                    label .filter { span { "Find" } input type="search" data-filter="#patients tbody tr" placeholder="name or problem"; }
                }
                p #matches .quiet aria-live="polite" { (charts.len()) " patients" }
                table #patients {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Age" } th scope="col" { "Sex" } th scope="col" { "Problems" } } }
                    tbody { @for chart in charts { (row(chart, now)) } }
                }
            }
        },
    )
}

fn row(chart: &Chart, now: Timestamp) -> Markup {
    let problems = summary::problems(chart, now);
    let age = chart.age_on(now.to_zoned(TimeZone::UTC).date());
    html! {
        tr {
            th scope="row" { a href={ "/patients/" (chart.id) } { (chart.name) } }
            td { @if let Some(age) = age { (age) } @if chart.deceased.is_some() { " " span .tag { "died" } } }
            td { (chart.sex) }
            td {
                @if problems.is_empty() { span .quiet { "none listed" } }
                @for (place, problem) in problems.iter().take(NAMED_PROBLEMS).enumerate() {
                    @if place > 0 { ", " }
                    (problem.title)
                }
                @if problems.len() > NAMED_PROBLEMS { span .quiet { " and " (problems.len() - NAMED_PROBLEMS) " more" } }
            }
        }
    }
}
