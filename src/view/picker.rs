//! Lists to choose from: columns, what orders, what groups, which way is better, views.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{footer, middle, over, put_line, put_right, text, typed};
use crate::app::App;
use crate::app::picker::{Choice, Item, Picker, Purpose};
use crate::format;
use crate::query::fuzzy::Pattern;
use crate::query::{Column, Grouping};

/// Draws the picker.
pub fn draw(app: &App, picker: &Picker, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let title = match picker.purpose {
        Purpose::Columns => "Columns",
        Purpose::Sort => "Sort by",
        Purpose::Groups => "Group by",
        Purpose::Better => "Which way is better",
        Purpose::Views => "Views",
    };
    let count = if picker.waiting {
        format!("gathering{}", theme.glyphs.ellipsis)
    } else {
        format!(
            "{} of {}",
            format::count(picker.found.len() as u64),
            format::count(picker.items.len() as u64)
        )
    };
    let inner = over(buf, area, title, &count, theme);
    line(picker, Rect { height: inner.height.min(1), ..inner }, buf, theme);
    let last = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    let body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(3), ..inner }.intersection(inner);
    if picker.found.is_empty() {
        nothing(picker, body, buf, theme);
    }
    let pattern = Pattern::new(picker.prompt.text());
    for (line, i) in picker.cursor.window(picker.found.len(), body.height.into()).enumerate() {
        let item = picker.found.get(i).and_then(|place| picker.items.get(*place as usize));
        let Some(item) = item else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        let right = detail(app, picker, item, theme);
        let taken: usize = right.iter().map(Span::width).sum();
        put_line(
            buf,
            at,
            0,
            row(app, picker, item, &pattern, usize::from(body.width).saturating_sub(taken), theme),
        );
        put_right(buf, at, 0, right);
        if i == picker.cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
    footer::hints_of(app, picker.purpose.place(), last, buf, theme);
}

/// The line in which one types.
fn line(picker: &Picker, area: Rect, buf: &mut Buffer, theme: &Theme) {
    put_line(buf, area, 0, vec![Span::styled(" / ", theme.accent)]);
    let room = Rect { x: area.x + 3.min(area.width), width: area.width.saturating_sub(4), ..area };
    typed::draw(&picker.prompt, None, room, buf, theme);
    if picker.prompt.is_empty() {
        let hint =
            if picker.purpose == Purpose::Views { "type a name to save this view" } else { "type to narrow" };
        let room = Rect { x: room.x + 2.min(room.width), width: room.width.saturating_sub(2), ..room };
        put_line(buf, room, 0, vec![Span::styled(hint, theme.dim)]);
    }
}

fn nothing(picker: &Picker, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let typed = picker.prompt.text().trim();
    match picker.purpose {
        Purpose::Views if typed.is_empty() => {
            middle(
                buf,
                area,
                &["no view is saved here yet", "a view is filter, columns, order, groups and open rows"],
                theme,
            );
        }
        Purpose::Views => {
            let told = format!("Enter saves this view as \"{}\"", crate::shown::shown(typed));
            middle(buf, area, &[&told], theme);
        }
        _ if picker.waiting => {}
        _ => middle(buf, area, &["nothing matches"], theme),
    }
}

/// The sign before a name and the name.
fn row<'a>(
    app: &App,
    picker: &Picker,
    item: &Item,
    pattern: &Pattern,
    width: usize,
    theme: &Theme,
) -> Vec<Span<'a>> {
    let glyphs = &theme.glyphs;
    let order = |column: Column| {
        let place = app.query.sort.iter().position(|sort| sort.column == column)?;
        let sort = app.query.sort.get(place)?;
        let arrow = if sort.descending { glyphs.descending } else { glyphs.ascending };
        Some(if app.query.sort.len() > 1 { format!("{arrow}{}", place + 1) } else { arrow.to_owned() })
    };
    let sign = match (picker.purpose, &item.choice) {
        (Purpose::Columns, Choice::Column(column)) if picker.chosen.contains(column) => {
            glyphs.finished.to_owned()
        }
        (Purpose::Sort, Choice::Column(column)) => order(*column).unwrap_or_default(),
        (Purpose::Groups, choice) if is_grouping(app, choice) => glyphs.finished.to_owned(),
        (Purpose::Better, Choice::Column(column)) => better(app, *column, theme).to_owned(),
        _ => String::new(),
    };
    let mut spans = vec![Span::styled(format!(" {} ", text::pad_end(&sign, 2)), theme.good)];
    let hits = pattern.hits(item.name.as_str());
    let room = width.saturating_sub(5);
    spans.extend(text::highlight_middle(item.name.as_str(), room, &hits, theme.text, theme.hit));
    spans
}

fn is_grouping(app: &App, choice: &Choice) -> bool {
    match (choice, &app.query.grouping) {
        (Choice::Grouping(one), now) => one == now,
        (Choice::Column(column), Grouping::By(columns)) => columns.contains(column),
        _ => false,
    }
}

fn better<'a>(app: &App, column: Column, theme: &'a Theme) -> &'a str {
    let Column::Metric(key, _) = column else { return "" };
    match app.query.better.of(key, app.index()) {
        Some(true) => theme.glyphs.up,
        Some(false) => theme.glyphs.down,
        None => "",
    }
}

/// What stands at the right: how a column looks, which way it is better and who says so.
fn detail<'a>(app: &App, picker: &Picker, item: &Item, theme: &Theme) -> Vec<Span<'a>> {
    let Choice::Column(column) = item.choice else { return Vec::new() };
    match picker.purpose {
        Purpose::Columns => {
            let format = app.query.formats.of(column);
            let mut words = Vec::new();
            if format.left {
                words.push("at left".to_owned());
            }
            if let Some(width) = format.width {
                words.push(format!("{width} wide"));
            }
            match format.numbers {
                format::NumberFormat::Auto => {}
                format::NumberFormat::Digits(digits) => words.push(format!("{digits} digits")),
                format::NumberFormat::Percent => words.push("percent".to_owned()),
                format::NumberFormat::Scientific => words.push("scientific".to_owned()),
            }
            if format.heat {
                words.push("heat".to_owned());
            }
            vec![Span::styled(format!("  {} ", words.join("  ")), theme.accent)]
        }
        Purpose::Better => {
            let Column::Metric(key, _) = column else { return Vec::new() };
            let name = app.index().keys.name(key);
            let told = match (app.query.better.0.contains_key(name), app.query.better.of(key, app.index())) {
                (true, Some(true)) => "higher is better, as you said",
                (true, _) => "lower is better, as you said",
                (false, Some(true)) => "higher, by its name",
                (false, Some(false)) => "lower, by its name",
                (false, None) => "nobody knows",
            };
            vec![Span::styled(format!("  {told} "), theme.dim)]
        }
        _ => Vec::new(),
    }
}
