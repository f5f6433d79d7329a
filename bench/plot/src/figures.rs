// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which figures there are, and out of what they are made.

use crate::chart;
use crate::chart::Labels;
use crate::chart::Series;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// A line of a CSV file, by the names of its columns.
type Row = BTreeMap<String, String>;

/// Names of files, and what is in them.
pub(crate) fn all(dir: &Path) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let mechanism = read(&dir.join("mechanism.csv"))?;
    let systems = read(&dir.join("systems-counted.csv"))?;
    let scaling = read(&dir.join("scaling.csv"))?;
    Ok(vec![
        ("fan-out.svg", fan_out(&systems)?),
        ("round-trip.svg", round_trip(&systems)?),
        ("cache-lines.svg", cache_lines(&scaling)?),
        ("subscribers.svg", subscribers(&mechanism)?),
        ("payloads.svg", payloads(&mechanism)?),
        ("variants.svg", variants(&mechanism)?),
    ])
}

/// The lines of a file, without those that begin with `#`.
fn read(file: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    parse(&text).map_err(|why| format!("{}: {why}", file.display()).into())
}

fn parse(text: &str) -> Result<Vec<Row>, csv::Error> {
    csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes())
        .deserialize()
        .collect()
}

fn text<'a>(row: &'a Row, column: &str) -> Result<&'a str, String> {
    let field = row.get(column).map(String::as_str);
    field.ok_or_else(|| format!("there is no column {column}"))
}

fn number(row: &Row, column: &str) -> Result<f64, Box<dyn Error>> {
    Ok(text(row, column)?.parse()?)
}

/// Adds a value to those of its name; names stay in the order in which they came.
fn group<T>(groups: &mut Vec<(String, Vec<T>)>, name: &str, value: T) {
    match groups.iter_mut().find(|(other, _)| other == name) {
        Some((_, values)) => values.push(value),
        None => groups.push((name.to_owned(), vec![value])),
    }
}

/// Lines by mechanism, of the plain publishes that are `wanted`.
fn by_mechanism(
    rows: &[Row],
    x: &str,
    wanted: impl Fn(&Row) -> bool,
) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut series: Vec<Series> = Vec::new();
    for row in rows.iter().filter(|row| wanted(row)) {
        if (text(row, "variant")?, text(row, "operation")?) != ("plain", "publish") {
            continue;
        }
        let name = text(row, "mechanism")?;
        let point = (number(row, x)?, number(row, "median")?);
        group(&mut series, name, point);
    }
    Ok(series)
}

fn is(row: &Row, column: &str, value: &str) -> bool {
    row.get(column).is_some_and(|field| field == value)
}

fn subscribers(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let series = by_mechanism(rows, "subscribers", |row| is(row, "payload", "64"))?;
    let labels = Labels {
        title: "One publish of 64 bytes",
        x: "subscribers",
        y: "instructions",
    };
    chart::lines(&labels, &series)
}

fn payloads(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let series = by_mechanism(rows, "payload", |row| is(row, "subscribers", "8"))?;
    let labels = Labels {
        title: "One publish to 8 subscribers",
        x: "bytes of payload",
        y: "instructions",
    };
    chart::lines(&labels, &series)
}

fn variants(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let mut bars = Vec::new();
    for row in rows {
        let ours = is(row, "mechanism", "kipc") && is(row, "operation", "publish");
        if ours && is(row, "payload", "64") && is(row, "subscribers", "8") {
            let name = text(row, "variant")?;
            let messages = name.strip_prefix("batch-").map_or(Ok(1.0), str::parse)?;
            bars.push((name.to_owned(), number(row, "median")? / messages));
        }
    }
    let labels = Labels {
        title: "kipc: 64 bytes to 8 subscribers, for each message",
        x: "instructions (logarithmic)",
        y: "",
    };
    chart::bars(&labels, &bars)
}

/// The median over all rounds of a measure, by system, in the order of the first round.
fn by_system(rows: &[Row], measure: &str) -> Result<Vec<(String, f64)>, Box<dyn Error>> {
    let mut systems: Vec<(String, Vec<f64>)> = Vec::new();
    for row in rows.iter().filter(|row| is(row, "measure", measure)) {
        let (name, value) = (text(row, "system")?, number(row, "value")?);
        group(&mut systems, name, value);
    }
    let median = |(name, mut values): (String, Vec<f64>)| {
        values.sort_unstable_by(f64::total_cmp);
        (name, values[values.len() / 2])
    };
    let mut bars: Vec<(String, f64)> = systems.into_iter().map(median).collect();
    bars.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    Ok(bars)
}

fn fan_out(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let labels = Labels {
        title: "64 bytes from one process to eight, on one counted CPU",
        x: "messages per 1,000,000,000 instructions (logarithmic)",
        y: "",
    };
    chart::bars(&labels, &by_system(rows, "1:8 64 B messages/s")?)
}

fn round_trip(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let labels = Labels {
        title: "64 bytes to another process and back, on one counted CPU",
        x: "thousands of instructions, median (logarithmic)",
        y: "",
    };
    chart::bars(&labels, &by_system(rows, "round trip median us")?)
}

fn cache_lines(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let mut series: Vec<Series> = Vec::new();
    for row in rows {
        let counted = is(row, "kind", "lines") && is(row, "phase", "send");
        if !counted || !is(row, "what", "in most messages") {
            continue;
        }
        let topics = match text(row, "topics")? {
            "own" => "topics of their own",
            _ => "one topic",
        };
        let name = format!("{}, {topics}", text(row, "mechanism")?);
        let point = (number(row, "publishers")?, number(row, "value")?);
        group(&mut series, &name, point);
    }
    let labels = Labels {
        title: "Cache lines that move between CPUs with each publish to 4 subscribers",
        x: "publishers, each on a CPU",
        y: "lines",
    };
    chart::lines(&labels, &series)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "# Linux\nmechanism,variant,payload,subscribers,operation,median\n\
        kipc,plain,64,1,publish,10\nkipc,plain,64,8,publish,40\n\
        pipes,plain,64,8,publish,80\nkipc,batch-4,64,8,publish,60\n";

    #[test]
    fn lines_hold_the_plain_publishes() {
        let rows = parse(CSV).expect("it is CSV");
        let series = by_mechanism(&rows, "subscribers", |_| true).expect("all columns");
        let kipc = ("kipc".to_owned(), vec![(1.0, 10.0), (8.0, 40.0)]);
        assert_eq!(series, [kipc, ("pipes".to_owned(), vec![(8.0, 80.0)])]);
    }

    #[test]
    fn systems_are_compared_by_their_medians() {
        let csv = "round,system,measure,value\n0,kipc,rate,5\n0,other,rate,9\n\
            1,kipc,rate,7\n1,other,rate,1\n2,kipc,rate,6\n2,other,rate,2\n";
        let bars = by_system(&parse(csv).expect("it is CSV"), "rate").expect("all columns");
        assert_eq!(bars, [("kipc".to_owned(), 6.0), ("other".to_owned(), 2.0)]);
    }

    #[test]
    fn all_figures_can_be_drawn() {
        let rows = parse(CSV).expect("it is CSV");
        for figure in [subscribers, payloads, variants] {
            assert!(figure(&rows).expect("a figure").contains("kipc"));
        }
    }
}
