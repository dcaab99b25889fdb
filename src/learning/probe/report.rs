//! A probe in words: `probe.md`, and a few lines for the terminal.

use super::judge::At;
use super::{DRAWS, Probed, Task};
use crate::learning::evaluate::report::{difference, estimate, horizon};
use std::fmt::Write;

/// The page.
pub fn markdown(probed: &Probed) -> String {
    let mut page = format!("# Few labels: {}\n\n{}\n\n", probed.model, probed.notice);
    let left_out = match probed.left_out.is_empty() {
        true => "no outcome".to_owned(),
        false => probed.left_out.join(", "),
    };
    let _ = writeln!(
        page,
        "Training left out {left_out}. A ridge regression on the read-out state ({} numbers, standardised), age and sex \
         is fitted on a few labelled training patients, one index day each, half of them with the event after the gap \
         where there are enough; {} draws of each number. AUROC on all rows of the {} split ({} patients), mean over \
         the draws with the middle 95 % of {} draws of whole patients; ± is the standard deviation over draws of \
         labels. The labels are in `{DRAWS}`; the other models learned from the same ones.\n",
        probed.width,
        probed.repeats,
        probed.split.as_str(),
        probed.patients,
        probed.draws
    );
    page.push_str("## Means\n\n| labels | outcomes | beside | ours | theirs | ours − theirs | ours above |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    for mean in &probed.means {
        let (ours, theirs) = (estimate(&mean.auroc.ours), estimate(&mean.auroc.theirs));
        let (labels, tasks, other, above) = (mean.labels, mean.tasks, &mean.other, mean.above);
        let by = difference(&mean.auroc.difference);
        let _ = writeln!(page, "| {labels} | {tasks} | {other} | {ours} | {theirs} | {by} | {above} of {tasks} |");
    }
    let sizes: Vec<usize> = probed
        .tasks
        .iter()
        .map(|task| &task.at)
        .find(|at| !at.is_empty())
        .map_or_else(Vec::new, |at| at.iter().map(|at| at.labels).collect());
    for (size, labels) in sizes.into_iter().enumerate() {
        page.push_str(&table(probed, size, labels));
    }
    page.push_str(&remarks(probed));
    page
}

/// All tasks at one number of labels.
fn table(probed: &Probed, size: usize, labels: usize) -> String {
    let mut text = format!("\n## {labels} labels\n\n| outcome | horizon | events | labelled, with event | ours |");
    let judged: Vec<(&Task, &At)> = probed.tasks.iter().filter_map(|task| Some((task, task.at.get(size)?))).collect();
    let others = judged.first().map_or_else(Vec::new, |(_, at)| at.others.iter().map(|other| &other.name).collect());
    others.iter().for_each(|name| text += &format!(" {name} | ours − theirs |"));
    text += "\n|---|---|---|---|---|";
    text += &"---|---|".repeat(others.len());
    text.push('\n');
    for (task, at) in judged {
        let star = if task.taught.is_empty() { "" } else { " †" };
        let _ = write!(
            text,
            "| {}{star} | {} | {} | {:.0}, {:.0} | {} ± {:.3} |",
            task.title,
            horizon(task.horizon_days),
            task.events,
            at.labelled,
            at.events,
            estimate(&at.ours.auroc),
            at.ours.spread
        );
        for other in &at.others {
            let theirs = &other.theirs;
            let _ =
                write!(text, " {:.3} ± {:.3} | {} |", theirs.auroc.value, theirs.spread, difference(&other.difference));
        }
        text.push('\n');
    }
    text
}

/// What has no figure, and what was not quite new.
fn remarks(probed: &Probed) -> String {
    let mut text = String::new();
    for task in probed.tasks.iter().filter(|task| task.at.is_empty()) {
        let (events, with_event) = (task.events, task.training_patients_with_event);
        let within = horizon(task.horizon_days);
        let _ = writeln!(
            text,
            "- {} within {within} has no figures: {events} events among judged rows, {with_event} training patients with it.",
            task.title
        );
    }
    let mut told: Vec<(&str, String)> = probed
        .tasks
        .iter()
        .filter(|task| !task.taught.is_empty())
        .map(|task| (task.title.as_str(), task.taught.join(", ")))
        .collect();
    told.dedup();
    for (title, taught) in told {
        let _ = writeln!(text, "- † {title} is not new to the model: it was taught {taught}, which count codes of it.");
    }
    if text.is_empty() { text } else { format!("\n## Remarks\n\n{text}") }
}

/// A line per mean for the terminal.
pub fn short(probed: &Probed) -> String {
    let mut text = String::new();
    for mean in &probed.means {
        let _ = writeln!(
            text,
            "{} labels, {} outcomes: ours {:.3}, {} {:.3}, ours - theirs {}, above in {}",
            mean.labels,
            mean.tasks,
            mean.auroc.ours.value,
            mean.other,
            mean.auroc.theirs.value,
            difference(&mean.auroc.difference),
            mean.above
        );
    }
    text + &remarks(probed)
}
