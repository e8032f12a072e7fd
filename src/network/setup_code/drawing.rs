//! A code as a picture to scan: for a file, for a page, and in letters for a terminal.

use qrcode::{Color, EcLevel, QrCode};

pub use crate::text::DrawError;

/// Blank modules around it, as scanners want them.
const MARGIN: usize = 4;
/// In letters there is less room, and a terminal has a margin of its own.
const LETTER_MARGIN: usize = 2;
/// Pixels a module.
const SCALE: usize = 6;

/// A drawn code. It has no `Debug`.
#[expect(missing_debug_implementations, reason = "a code never prints itself")]
pub struct Drawing {
    modules: Vec<Color>,
    width: usize,
}

impl Drawing {
    /// Draws a text, as coarse as it can be.
    pub fn of(text: &str) -> Result<Self, DrawError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
        Ok(Self { width: code.width(), modules: code.into_colors() })
    }

    /// How many columns of a terminal [`Self::letters`] takes.
    pub fn columns(&self) -> usize {
        self.width + 2 * LETTER_MARGIN
    }

    /// Half blocks, two modules a letter, for light letters on a dark ground; each line with its end.
    pub fn letters(&self) -> String {
        let columns = self.columns();
        let mut text = String::new();
        for row in (0..columns).step_by(2) {
            for column in 0..columns {
                let dark = |row: usize| self.dark(row, column, LETTER_MARGIN);
                text.push(match (dark(row), row + 1 >= columns || dark(row + 1)) {
                    (true, true) => ' ',
                    (true, false) => '▄',
                    (false, true) => '▀',
                    (false, false) => '█',
                });
            }
            text.push('\n');
        }
        text
    }

    /// A PNG file.
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        let side = (self.width + 2 * MARGIN) * SCALE;
        let line = |row: usize| {
            let lit = move |column: usize| !self.dark(row / SCALE, column / SCALE, MARGIN);
            (0..side).map(lit).collect::<Vec<bool>>()
        };
        let rows = (0..side).flat_map(|row| {
            let pack = |bits: &[bool]| {
                bits.iter()
                    .enumerate()
                    .fold(0u8, |byte, (at, lit)| byte | u8::from(*lit) << (7 - at))
            };
            line(row).chunks(8).map(pack).collect::<Vec<u8>>()
        });
        let rows: Vec<u8> = rows.collect();
        let pixels = u32::try_from(side).unwrap_or(u32::MAX);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, pixels, pixels);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&rows)?;
        writer.finish()?;
        Ok(file)
    }

    /// An SVG file.
    pub fn svg(&self) -> String {
        let side = self.width + 2 * MARGIN;
        let cells =
            (0..self.width).flat_map(|row| (0..self.width).map(move |column| (row, column)));
        let dark = cells
            .map(|(row, column)| (row + MARGIN, column + MARGIN))
            .filter(|(row, column)| self.dark(*row, *column, MARGIN));
        let squares: Vec<_> =
            dark.map(|(row, column)| format!("M{column} {row}h1v1h-1z")).collect();
        let path = squares.concat();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
             <path d=\"{path}\" fill=\"#000\"/></svg>\n"
        )
    }

    fn dark(&self, row: usize, column: usize, margin: usize) -> bool {
        let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < self.width);
        match (inside(row), inside(column)) {
            (Some(row), Some(column)) => {
                self.modules.get(row * self.width + column) == Some(&Color::Dark)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        Drawing::of(&"eyJ1cmwiOiJ3c3M6Ly9ndy5leGFtcGxlLmNvbSIsImJvb3Rz".repeat(6)).unwrap()
    }

    /// The modules that a picture of ours shows, read back from its pixels.
    fn read(png: &[u8]) -> (usize, Vec<bool>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let side = reader.info().width as usize;
        let mut lines = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut lines).unwrap();
        let width = side / SCALE - 2 * MARGIN;
        let pixel = |x: usize, y: usize| lines[y * frame.line_size + x / 8] >> (7 - x % 8) & 1;
        let module = |at: usize| {
            let (row, column) = (at / width + MARGIN, at % width + MARGIN);
            pixel(column * SCALE + 1, row * SCALE + 1) == 0
        };
        (width, (0..width * width).map(module).collect())
    }

    #[test]
    fn every_form_shows_the_same_modules() {
        let drawing = drawing();
        let dark: Vec<bool> = drawing.modules.iter().map(|one| *one == Color::Dark).collect();
        assert_eq!(read(&drawing.png().unwrap()), (drawing.width, dark.clone()));
        let letters = drawing.letters();
        let lines: Vec<Vec<char>> = letters.lines().map(|line| line.chars().collect()).collect();
        assert!(lines.iter().all(|line| line.len() == drawing.columns()));
        for (at, dark) in dark.iter().enumerate() {
            let (row, column) =
                (at / drawing.width + LETTER_MARGIN, at % drawing.width + LETTER_MARGIN);
            let letter = lines[row / 2][column];
            let half = if row % 2 == 0 { " ▄" } else { " ▀" };
            assert_eq!(half.contains(letter), *dark, "{row} {column} {letter:?}");
        }
        assert_eq!(drawing.svg().matches("h1v1h-1z").count(), dark.iter().filter(|d| **d).count());
    }

    #[test]
    fn a_usual_code_fits_into_eighty_columns() {
        assert!(drawing().columns() <= 80, "{}", drawing().columns());
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(matches!(Drawing::of(&"x".repeat(4000)), Err(DrawError::TooLong(_))));
    }
}
