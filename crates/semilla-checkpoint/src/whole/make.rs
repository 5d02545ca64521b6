//! A decoder for a weight, by what its parts are.

use std::sync::OnceLock;

use semilla::DType;
use semilla::encoding::{Encoded, Encoding, Part, length_axis};

use super::bitsandbytes::{Bitsandbytes4, State};
use super::config::Config;
use super::decoder::{Decoder, doubles, raw};
use super::grid::Grid;
use super::mxfp4::{GROUP, Mxfp4};
use super::packed::{Order, Packed};
use super::reparametrized::{Norms, Pruned, SpectralNorm, WeightNorm};
use super::rows::{Bits, Byte, Codes, Factor, Rows, Zeros};
use crate::{Checkpoint, TensorInfo};

/// A weight that can be put together.
pub(super) struct Made {
    pub(super) info: TensorInfo,
    /// The place of its main part.
    pub(super) main: usize,
    /// How it is put together, in words.
    pub(super) how: String,
    pub(super) decoder: Box<dyn Decoder>,
}

/// Parts of a weight, in a checkpoint.
pub(super) struct Parts<'a> {
    pub(super) file: &'a dyn Checkpoint,
    pub(super) encoded: &'a Encoded,
    pub(super) config: &'a Config,
}

type Answer = Result<Made, String>;

impl Parts<'_> {
    /// # Errors
    /// What is missing or contradicts itself.
    pub(super) fn make(&self) -> Answer {
        match self.encoded.encoding {
            Encoding::WeightNorm => self.weight_norm(),
            Encoding::SpectralNorm => self.spectral_norm(),
            Encoding::Pruned => self.pruned(),
            Encoding::Scaled => self.scaled(),
            Encoding::Bitsandbytes8 => self.bitsandbytes8(),
            Encoding::Bitsandbytes4 => self.bitsandbytes4(),
            Encoding::Mxfp4 => self.mxfp4(),
            Encoding::Packed => self.packed(),
            Encoding::CompressedTensors => self.compressed_tensors(),
            Encoding::Mlx => self.mlx(),
            Encoding::Parametrized => {
                Err("the file does not say which parametrization it is of".to_owned())
            }
            Encoding::Adapted => Err(
                "an adapter lies beside it, whose scaling the file does not \
                                      have; save the model after merge_and_unload(), or exclude \
                                      the adapter's tensors to take the base alone"
                    .to_owned(),
            ),
        }
    }

    fn info(&self, part: usize) -> &TensorInfo {
        &self.file.tensors()[part]
    }

    fn main(&self) -> &TensorInfo {
        self.info(self.encoded.main())
    }

    fn part(&self, part: Part) -> Option<usize> {
        self.encoded.part(part)
    }

    fn needed(&self, part: Part, what: &str) -> Result<usize, String> {
        self.part(part).ok_or_else(|| format!("it has no {what}"))
    }

    /// The name of the module that has the weight.
    fn module(&self) -> &str {
        let weight = &self.encoded.weight;
        weight.strip_suffix(".weight").unwrap_or(weight)
    }

    fn made(
        &self,
        dtype: DType,
        shape: Vec<usize>,
        how: impl Into<String>,
        decoder: impl Decoder + 'static,
    ) -> Answer {
        if !dtype.is_float() {
            return Err(format!("{dtype} is no type of weights"));
        }
        let info = TensorInfo::new(self.encoded.weight.clone(), dtype, shape);
        Ok(Made {
            info: info.map_err(|invalid| invalid.fault.to_string())?,
            main: self.encoded.main(),
            how: how.into(),
            decoder: Box::new(decoder),
        })
    }

    fn weight_norm(&self) -> Answer {
        let length = self.needed(Part::Length, "length")?;
        let shape = self.main().shape().to_vec();
        let of_length = self.info(length).shape();
        let axis = length_axis(of_length, &shape).ok_or_else(|| {
            format!("its length has shape {of_length:?}, which is none over {shape:?}")
        })?;
        let decoder = WeightNorm {
            direction: self.encoded.main(),
            length,
            norms: Norms::new(&shape, axis),
        };
        self.made(self.main().dtype(), shape, "weight norm folded", decoder)
    }

    fn spectral_norm(&self) -> Answer {
        let left = self.needed(Part::Left, "vector u")?;
        let right = self.needed(Part::Right, "vector v")?;
        let shape = self.main().shape().to_vec();
        let [u, v] = [left, right].map(|part| self.info(part).elements());
        let rest = |axis: usize| -> u64 {
            let others = shape.iter().enumerate().filter(|(other, _)| *other != axis);
            others.map(|(_, &size)| size as u64).product()
        };
        let axes =
            (0..shape.len().min(2)).filter(|&axis| shape[axis] as u64 == u && rest(axis) == v);
        let axes: Vec<usize> = axes.collect();
        if axes.is_empty() {
            return Err(format!(
                "its vectors have {u} and {v} elements, not those of {shape:?}"
            ));
        }
        let decoder = SpectralNorm {
            weight: self.encoded.main(),
            left,
            right,
            axes,
            found: OnceLock::new(),
        };
        self.made(self.main().dtype(), shape, "spectral norm folded", decoder)
    }

    fn pruned(&self) -> Answer {
        let mask = self.needed(Part::Mask, "mask")?;
        let shape = self.main().shape().to_vec();
        if self.info(mask).shape() != shape {
            return Err("its mask has another shape".to_owned());
        }
        let decoder = Pruned {
            weight: self.encoded.main(),
            mask,
        };
        self.made(self.main().dtype(), shape, "pruning mask applied", decoder)
    }

    /// Rows of codes that are scaled, before anything else is known of them.
    fn rows(&self, codes: Codes, shape: &[usize], scale: Grid) -> Rows {
        Rows {
            codes,
            main: self.encoded.main(),
            columns: shape.last().copied().unwrap_or(1),
            stored: self.main().shape().last().copied().unwrap_or(1),
            scale,
            on_scale: Factor::None,
            on_element: None,
            zeros: Zeros::None,
            bias: None,
            order: None,
        }
    }

    fn scaled(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scale of its own")?;
        let (main, of_scale) = (self.main(), self.info(scale).dtype());
        let are_exponents = matches!(of_scale, DType::U8 | DType::F8E8M0);
        let is_integer = !matches!(main.dtype(), DType::F8E4M3 | DType::F8E5M2);
        let second = self.part(Part::SecondScale);
        let are_fours = is_integer && (are_exponents || second.is_some());
        let mut shape = main.shape().to_vec();
        let (name, codes) = match main.dtype() {
            _ if are_fours => {
                shape = with_rows_of(&shape, |bytes| bytes.checked_mul(2))?;
                let name = if second.is_some() { "NVFP4" } else { "MXFP4" };
                (name, Codes::Fours)
            }
            DType::F8E4M3 => ("FP8", Codes::Bytes(Byte::E4M3)),
            DType::F8E5M2 => ("FP8", Codes::Bytes(Byte::E5M2)),
            DType::I8 => ("INT8", Codes::Bytes(Byte::Signed)),
            DType::U8 if self.part(Part::Zero).is_some() => ("UINT8", Codes::Bytes(Byte::Unsigned)),
            _ => return Err("its bytes may hold several numbers each".to_owned()),
        };
        let blocks = self.config.blocks();
        let grid = Grid::new(self.file, scale, &shape, &blocks)?.of_exponents(self.file);
        let how = format!("dequantized from {name} {}", grid.describe());
        let mut rows = self.rows(codes, &shape, grid);
        if let Some(second) = second {
            self.check_single(second)?;
            rows.on_scale = Factor::Times(second);
        }
        if let Some(zero) = self.part(Part::Zero) {
            rows.zeros = Zeros::Grid(self.beside(&rows.scale, zero, &shape, &blocks)?);
        }
        self.made(width_of(of_scale), shape, how, rows)
    }

    /// Zero points or biases: one for each scale of a row, or for all of them.
    fn beside(
        &self,
        scale: &Grid,
        part: usize,
        shape: &[usize],
        wanted: &[usize],
    ) -> Result<Grid, String> {
        let grid = Grid::new(self.file, part, shape, wanted)?;
        match grid.width() == 1 || grid.width() == scale.width() {
            true => Ok(grid),
            false => Err(format!(
                "{} does not fit its scales",
                self.info(part).name()
            )),
        }
    }

    fn check_single(&self, part: usize) -> Result<(), String> {
        match self.info(part).elements() {
            1 => Ok(()),
            _ => Err(format!(
                "{} has more than one element",
                self.info(part).name()
            )),
        }
    }

    fn bitsandbytes8(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scales (SCB)")?;
        let shape = self.main().shape().to_vec();
        if self.main().dtype() != DType::I8 || shape.len() != 2 {
            return Err("it is no matrix of I8".to_owned());
        }
        if let Some(format) = self.part(Part::State)
            && raw(self.file, format, 0, 1).is_ok_and(|format| format != [0])
        {
            return Err("its rows are arranged for a GPU".to_owned());
        }
        let grid = Grid::new(self.file, scale, &shape, &[])?;
        let how = "dequantized from INT8 of bitsandbytes";
        let rows = Rows {
            // As `int8_vectorwise_dequant` has it.
            on_element: Some(7.874_016e-3),
            ..self.rows(Codes::Bytes(Byte::Signed), &shape, grid)
        };
        self.made(DType::F32, shape, how, rows)
    }

    fn bitsandbytes4(&self) -> Answer {
        let state = self.needed(Part::State, "quant_state")?;
        let scale = self.needed(Part::Scale, "absmax")?;
        let table = self.needed(Part::Table, "quant_map")?;
        let bytes = self.info(state).bytes();
        let read = (bytes <= State::MOST).then(|| raw(self.file, state, 0, bytes as usize));
        let text = read.and_then(Result::ok).unwrap_or_default();
        let state: State =
            serde_json::from_slice(&text).map_err(|_| "its quant_state cannot be read")?;
        let dtype = state
            .dtype()
            .ok_or("its quant_state names no type of weights")?;
        let product = |sizes: &[usize]| {
            let mut sizes = sizes.iter().map(|&size| size as u64);
            sizes.try_fold(1u64, u64::checked_mul)
        };
        let count = product(&state.shape).ok_or("it is too large")?;
        let blocks = count.div_ceil(state.blocksize.max(1) as u64);
        let fits = state.blocksize > 0
            && self.main().bytes() == count.div_ceil(2)
            && self.info(scale).elements() == blocks
            && self.info(table).elements() == 16;
        if !fits {
            return Err("its parts do not have the sizes that its quant_state says".to_owned());
        }
        let nested = match (self.part(Part::NestedScale), self.part(Part::NestedTable)) {
            (Some(scales), Some(table)) => {
                let nested = state.nested(scales, table);
                let nested = nested.ok_or("its quant_state says nothing of nested scales")?;
                let needed = blocks.div_ceil(nested.block as u64);
                let fits = self.info(scales).elements() >= needed
                    && self.info(table).elements() == 256
                    && self.info(scale).dtype() == DType::U8;
                if !fits {
                    return Err("its nested scales do not have the sizes that they need".to_owned());
                }
                Some(nested)
            }
            _ if self.info(scale).dtype() == DType::U8 => {
                return Err("its scales are nested, and what decodes them is missing".to_owned());
            }
            _ => None,
        };
        let how = format!(
            "dequantized from {} of bitsandbytes by blocks of {}",
            state.quant_type.to_uppercase(),
            state.blocksize
        );
        let decoder = Bitsandbytes4 {
            main: self.encoded.main(),
            scale,
            table,
            block: state.blocksize,
            nested,
        };
        self.made(dtype, state.shape, how, decoder)
    }

    fn mxfp4(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scales")?;
        let (main, of_scale) = (self.main(), self.info(scale));
        let is_byte = |info: &TensorInfo| matches!(info.dtype(), DType::U8 | DType::F8E8M0);
        let &[experts, outputs, groups, 16] = main.shape() else {
            return Err(format!(
                "its blocks have shape {:?}, not [experts, outputs, groups, 16]",
                main.shape()
            ));
        };
        if of_scale.shape() != [experts, outputs, groups] || !is_byte(main) || !is_byte(of_scale) {
            return Err("its scales do not fit its blocks".to_owned());
        }
        let inputs = groups.checked_mul(GROUP).ok_or("it is too large")?;
        let decoder = Mxfp4 {
            main: self.encoded.main(),
            scale,
            outputs,
            groups,
        };
        let how = "dequantized from MXFP4 by groups of 32";
        self.made(DType::BF16, vec![experts, inputs, outputs], how, decoder)
    }

    fn packed(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scales")?;
        let zeros = self.part(Part::Zero);
        let (&[lines, width], &[group_count, outputs]) =
            (self.main().shape(), self.info(scale).shape())
        else {
            return Err("its parts are no matrices".to_owned());
        };
        let is_words = |part: usize| self.info(part).dtype().size() == 4;
        if !is_words(self.encoded.main()) || !zeros.is_none_or(is_words) || group_count == 0 {
            return Err("its numbers are not packed into words".to_owned());
        }
        let order = match width {
            _ if width == outputs => Order::Gptq,
            _ if width.checked_mul(8) == Some(outputs) => Order::Awq,
            _ => return Err(format!("{width} words are not those of {outputs} outputs")),
        };
        let zeros_width = zeros.map(|zeros| self.info(zeros).shape());
        let groups = self.part(Part::Group).filter(|_| order == Order::Gptq);
        let of_groups = groups.map(|groups| self.info(groups).elements() as usize);
        let bits = match order {
            Order::Awq => 4,
            Order::Gptq => {
                let by_inputs = of_groups.filter(|&count| count > 0);
                let by_inputs = by_inputs.map(|count| (32 * lines / count) as u32);
                let by_zeros = zeros_width.and_then(|shape| {
                    let words = shape.get(1)?;
                    Some((32 * words).checked_div(outputs)? as u32)
                });
                let known = self.config.bits(self.module());
                by_inputs.or(known).or(by_zeros).unwrap_or(0)
            }
        };
        if !(2..=8).contains(&bits) {
            return Err("it does not say how many bits a number has".to_owned());
        }
        let bits = Bits {
            bits,
            are_whole: false,
            offset: 0.0,
        };
        let inputs = match order {
            Order::Awq => lines,
            Order::Gptq => of_groups.unwrap_or(32 * lines / bits.bits as usize),
        };
        let zeros_fit = zeros_width.is_none_or(|shape| {
            let words = match order {
                Order::Awq => width,
                Order::Gptq => bits.words(outputs),
            };
            shape == [group_count, words]
        });
        let fits = zeros_fit && (order == Order::Awq || bits.words(inputs) == lines);
        if !fits || inputs == 0 || outputs == 0 {
            return Err("its parts do not have sizes that go together".to_owned());
        }
        let group_size = inputs.div_ceil(group_count);
        let (name, less) = match order {
            Order::Awq => ("AWQ", 0),
            Order::Gptq if self.config.has_whole_zeros() => ("GPTQ", 0),
            Order::Gptq => ("GPTQ", 1),
        };
        let how = format!(
            "dequantized from {name}, {} bits by groups of {group_size}",
            bits.bits
        );
        let decoder = Packed {
            order,
            main: self.encoded.main(),
            scale,
            zeros,
            groups,
            bits,
            less,
            inputs,
            outputs,
            group_count,
            group_size,
        };
        let dtype = width_of(self.info(scale).dtype());
        self.made(dtype, vec![outputs, inputs], how, decoder)
    }

    fn compressed_tensors(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scales")?;
        let of_scale = self.info(scale).dtype();
        let global = self.part(Part::GlobalScale);
        let stored = self.main().shape().to_vec();
        let last = *stored.last().ok_or("it is a scalar")?;
        if self.main().dtype().size() == 1 {
            let shape = with_rows_of(&stored, |bytes| bytes.checked_mul(2))?;
            let grid = Grid::new(self.file, scale, &shape, &[])?.of_exponents(self.file);
            let name = if global.is_some() { "NVFP4" } else { "MXFP4" };
            let how = format!("dequantized from {name} {}", grid.describe());
            let mut rows = self.rows(Codes::Fours, &shape, grid);
            if let Some(global) = global {
                self.check_single(global)?;
                rows.on_scale = Factor::Over(global);
            }
            if self.part(Part::Zero).is_some() {
                return Err("it has zero points, which four-bit floats have not".to_owned());
            }
            return self.made(DType::BF16, shape, how, rows);
        }
        let shape = self.shape()?;
        if self.main().dtype().size() != 4 || shape.len() != stored.len() {
            return Err("its numbers are not packed into words".to_owned());
        }
        let columns = *shape.last().ok_or("it is a scalar")?;
        let bits = self.bits(columns, last)?;
        let lead = shape.len() - 1;
        if shape[..lead] != stored[..lead] || bits.words(columns) != last {
            return Err("its packed numbers are not those of its shape".to_owned());
        }
        let grid = Grid::new(self.file, scale, &shape, &[])?;
        let how = format!(
            "dequantized from {} bits of compressed-tensors {}",
            bits.bits,
            grid.describe()
        );
        let mut rows = self.rows(Codes::Bits(bits), &shape, grid);
        rows.zeros = self.zeros(&shape, bits, &rows.scale)?;
        rows.order = self.part(Part::Group);
        let ordered = rows.order.map(|order| self.info(order));
        if ordered
            .is_some_and(|order| order.elements() != columns as u64 || order.dtype().size() != 4)
        {
            return Err("its g_idx has not a group for each input".to_owned());
        }
        self.made(width_of(of_scale), shape, how, rows)
    }

    /// The shape that a part holds.
    fn shape(&self) -> Result<Vec<usize>, String> {
        let part = self.needed(Part::Shape, "weight_shape")?;
        let info = self.info(part);
        if info.elements() > 8 {
            return Err("its weight_shape is none".to_owned());
        }
        let read = doubles(self.file, part, 0, info.elements() as usize);
        let sizes = read.map_err(|error| error.to_string())?;
        let is_size = |size: &f64| (0.0..9e15).contains(size) && size.fract() == 0.0;
        match sizes.iter().all(is_size) {
            true => Ok(sizes.into_iter().map(|size| size as usize).collect()),
            false => Err("its weight_shape is none".to_owned()),
        }
    }

    /// How integers lie in words, by how many words hold a row.
    fn bits(&self, columns: usize, words: usize) -> Result<Bits, String> {
        let known = self.config.bits(self.module());
        let usual = [4, 8, 2, 3, 5, 6, 7, 1];
        let mut all = known.into_iter().chain(usual).flat_map(|bits| {
            [false, true].map(|are_whole| Bits {
                bits,
                are_whole,
                offset: (1u32 << (bits - 1)) as f32,
            })
        });
        let fits = all.find(|bits| bits.words(columns) == words);
        fits.ok_or_else(|| format!("{words} words are not those of {columns} numbers"))
    }

    fn zeros(&self, shape: &[usize], bits: Bits, scale: &Grid) -> Result<Zeros, String> {
        let Some(zero) = self.part(Part::Zero) else {
            return Ok(Zeros::None);
        };
        let info = self.info(zero);
        if info.dtype() != DType::I32 {
            return Ok(Zeros::Grid(self.beside(scale, zero, shape, &[])?));
        }
        match (shape, info.shape()) {
            (&[rows, _], &[words, groups])
                if words == bits.words(rows) && groups == scale.width() =>
            {
                Ok(Zeros::Packed { part: zero, bits })
            }
            _ => Err("its zero points do not fit its scales".to_owned()),
        }
    }

    fn mlx(&self) -> Answer {
        let scale = self.needed(Part::Scale, "scales")?;
        let bias = self.needed(Part::Bias, "biases")?;
        let stored = self.main().shape().to_vec();
        let (Some(&words), Some(&groups)) = (stored.last(), self.info(scale).shape().last()) else {
            return Err("its parts are scalars".to_owned());
        };
        // A row has groups · size · bits / 32 words, so that only their product shows.
        let product = (32 * words).checked_div(groups).unwrap_or(0);
        let module = self.module();
        let size = self.config.group_size(module);
        let bits = self.config.bits(module).map(|bits| bits as usize);
        let choices = [64, 128, 32].into_iter().map(|size| (size, product / size));
        let known = size.zip(bits).into_iter();
        let fits = |&(size, bits): &(usize, usize)| {
            size.checked_mul(bits) == Some(product) && [2, 3, 4, 5, 6, 8].contains(&bits)
        };
        let (size, bits) = known
            .chain(choices)
            .find(fits)
            .ok_or("its sizes are of no group and number of bits")?;
        let shape = with_rows_of(&stored, |_| groups.checked_mul(size))?;
        let columns = groups * size;
        let bits = Bits {
            bits: bits as u32,
            are_whole: false,
            offset: 0.0,
        };
        if bits.words(columns) != words {
            return Err("its packed numbers are not those of its scales".to_owned());
        }
        let grid = Grid::new(self.file, scale, &shape, &[size])?;
        let bias = self.beside(&grid, bias, &shape, &[size])?;
        let how = format!(
            "dequantized from MLX, {} bits by groups of {size}",
            bits.bits
        );
        let rows = Rows {
            bias: Some(bias),
            ..self.rows(Codes::Bits(bits), &shape, grid)
        };
        self.made(width_of(self.info(scale).dtype()), shape, how, rows)
    }
}

/// A stored shape with rows of another length, which follows from that of the stored ones.
fn with_rows_of(
    stored: &[usize],
    columns: impl Fn(usize) -> Option<usize>,
) -> Result<Vec<usize>, &'static str> {
    let mut shape = stored.to_vec();
    let last = shape.last_mut().ok_or("it is a scalar")?;
    *last = columns(*last).ok_or("it is too large")?;
    Ok(shape)
}

/// The type of a weight with scales of some type: the scales', unless they have one byte only.
fn width_of(scale: DType) -> DType {
    match scale {
        DType::F64 => DType::F32,
        scale if scale.is_float() && scale.size() > 1 => scale,
        _ => DType::BF16,
    }
}
