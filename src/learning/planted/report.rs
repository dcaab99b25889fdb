//! A judgement as Markdown, as a picture, and in a few lines for the terminal.
//!
//! Owns the words. Every form says what world the figures are from, and calls no association an effect.

use super::held::Held;
use super::judge::{Change, Judgement, LEAST_EVENTS, Mean, Task};
use crate::prediction::phenotype::Group;
use std::fmt::Write;

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn signed(value: Option<f64>, interval: Option<(f64, f64)>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let between = interval.map_or_else(String::new, |(low, high)| format!(" ({low:+.3} to {high:+.3})"));
    format!("{value:+.3}{between}")
}

fn mean_line(mean: &Mean) -> String {
    format!(
        "{}: mean AUROC {:.4} over {} task-horizons, Bayes limit {:.4}, difference {}, true calibration error {}",
        mean.name,
        mean.auroc,
        mean.tasks,
        mean.limit,
        signed(Some(mean.from_limit), mean.interval),
        figure(mean.calibration_error),
    )
}

/// The headline for the terminal.
pub fn short(judgement: &Judgement) -> String {
    let mut text = format!("{}\n{} rows of {} patients\n", judgement.notice, judgement.rows, judgement.patients);
    for mean in &judgement.means {
        let _ = writeln!(text, "{}", mean_line(mean));
    }
    text
}

/// All figures.
pub fn markdown(judgement: &Judgement) -> String {
    let mut text = format!(
        "# A model held against a known truth\n\n{}\n\nModel `{}`, dataset `{}`: {} rows of {} patients, {} draws of \
         patients, seed {}.\n\n",
        judgement.notice,
        judgement.model,
        judgement.dataset.get(..12).unwrap_or(&judgement.dataset),
        judgement.rows,
        judgement.patients,
        judgement.draws,
        judgement.seed,
    );
    for mean in &judgement.means {
        let _ = writeln!(text, "- {}", mean_line(mean));
    }
    let _ = writeln!(
        text,
        "\nMeans leave out controls and outcomes with fewer than {LEAST_EVENTS} events. **Limit** is the AUROC of the \
         true probability on the same rows: the best that anything reading the record can do, but for the luck of \
         these rows. **From limit** has the middle 95 % of draws of whole patients. **Error** is the mean distance \
         between the risk from the index day (after the gap, where a model has only that) and the true one, **bias** \
         its mean with sign. AUROC counts events after the gap.\n"
    );
    tasks(&mut text, &judgement.tasks);
    what_if(&mut text, &judgement.what_if);
    text
}

fn tasks(text: &mut String, tasks: &[Task]) {
    text.push_str("| outcome | days | events / rows | true mean | observed | limit | model | AUROC | from limit | error | bias |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|---|---|\n");
    for task in tasks {
        let control = if task.group == Group::Control { " (control)" } else { "" };
        for (place, held) in task.models.iter().enumerate() {
            let head = match place {
                0 => format!(
                    "{}{control} | {} | {} / {} | {:.3} | {:.3} | {}",
                    task.title,
                    task.horizon_days,
                    task.events,
                    task.rows,
                    task.true_mean,
                    task.events as f64 / task.rows.max(1) as f64,
                    figure(task.limit),
                ),
                _ => " | | | | | ".to_owned(),
            };
            let Held { name, auroc, from_limit, interval, calibration_error, bias, .. } = held;
            let _ = writeln!(
                text,
                "| {head} | {name} | {} | {} | {} | {} |",
                figure(*auroc),
                signed(*from_limit, *interval),
                figure(*calibration_error),
                signed(*bias, None),
            );
        }
    }
}

/// Changes smaller than this, true and claimed, are left out of the table.
const WORTH_A_LINE: f64 = 0.001;

fn what_if(text: &mut String, changes: &[Change]) {
    text.push_str(
        "\n## What if a drug were begun today\n\nWhat the model's risk does when an order of the drug is drafted is an \
         **association, not an effect**. Here the true effect of beginning the drug is known, so the two can be held \
         together. **Error** is their mean distance row by row; **same direction** counts rows with an effect of \
         0.005 or more. Outcomes where both means are below 0.001 are left out.\n\n\
         | drug | outcome | days | rows | true effect | association | bias | error | same direction |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let worth = |change: &&Change| change.effect.abs() >= WORTH_A_LINE || change.association.abs() >= WORTH_A_LINE;
    for change in changes.iter().filter(worth) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:+.4} | {:+.4} | {:+.4} | {:.4} | {} |",
            change.drug,
            change.outcome,
            change.horizon_days,
            change.rows,
            change.effect,
            change.association,
            change.bias,
            change.error,
            change.same_direction.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", 100.0 * share)),
        );
    }
}

const COLOURS: [&str; 4] = ["#1f5fa8", "#c9812b", "#5a8f3c", "#8a4f9e"];
const LIMIT: &str = "#222";
const LEFT: f64 = 400.0;
const WIDTH: f64 = 900.0;
const TOP: f64 = 70.0;
const STEP: f64 = 20.0;

/// The limit of every task as an upright stroke, and where each model lies.
pub fn picture(judgement: &Judgement) -> String {
    let shown: Vec<&Task> = judgement.tasks.iter().filter(|task| task.limit.is_some()).collect();
    let height = TOP + STEP * shown.len() as f64 + 50.0;
    let x = |auroc: f64| LEFT + (auroc.clamp(0.4, 1.0) - 0.4) / 0.6 * (WIDTH - LEFT - 30.0);
    let mut body = String::new();
    let mut words = |x: f64, y: f64, anchor: &str, colour: &str, words: &str| {
        let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            body,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="12" text-anchor="{anchor}" fill="{colour}">{words}</text>"#
        );
    };
    words(20.0, 24.0, "start", LIMIT, "AUROC of models (dots) and of the truth (strokes) on the same rows");
    let names = shown.first().map_or(&[][..], |task| &task.models);
    for (place, held) in names.iter().enumerate() {
        words(LEFT + 110.0 * place as f64, 46.0, "start", COLOURS[place % COLOURS.len()], &held.name);
    }
    words(20.0, height - 12.0, "start", LIMIT, judgement.notice);
    for tick in 4..=10 {
        let at = f64::from(tick) / 10.0;
        words(x(at), height - 32.0, "middle", LIMIT, &format!("{at:.1}"));
    }
    for (place, task) in shown.iter().enumerate() {
        let title = format!("{}, {} days", task.title, task.horizon_days);
        words(LEFT - 12.0, TOP + STEP * place as f64 + 4.0, "end", LIMIT, &title);
    }
    for (place, task) in shown.iter().enumerate() {
        let y = TOP + STEP * place as f64;
        let at = x(task.limit.unwrap_or(0.5));
        let _ = writeln!(
            body,
            r#"<line x1="{at:.1}" y1="{:.1}" x2="{at:.1}" y2="{:.1}" stroke="{LIMIT}" stroke-width="2"/>"#,
            y - 7.0,
            y + 7.0
        );
        for (model, held) in task.models.iter().enumerate() {
            let Some(auroc) = held.auroc else { continue };
            let (at, colour) = (x(auroc), COLOURS[model % COLOURS.len()]);
            let _ = writeln!(body, r#"<circle cx="{at:.1}" cy="{y:.1}" r="4" fill="{colour}" fill-opacity="0.8"/>"#);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}
