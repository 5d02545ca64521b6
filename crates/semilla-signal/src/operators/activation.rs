//! Activations and other functions of one element.

use crate::executor::{Call, Made, Problem};
use crate::operators::unary::Unary;
use crate::real::Real;

/// The functions by their operators; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let found = function(operator, call)?;
    found.map(|lowering| lowering(call)).transpose()
}

/// Makes a step of a call.
pub(crate) type Lowering<T> = Box<dyn FnOnce(&Call<'_, T>) -> Result<Made<T>, Problem>>;

/// A function and its slope, as a step on the node's first input.
fn of<T: Real>(
    value: impl Fn(T) -> T + Copy + Send + Sync + 'static,
    slope: impl Fn(T, T) -> T + Copy + Send + Sync + 'static,
) -> Lowering<T> {
    Box::new(move |call| Made::step(Unary { value, slope }, [call.float(0)?]))
}

#[expect(clippy::too_many_lines, reason = "a table: one function per line")]
fn function<T: Real>(operator: &str, call: &Call<'_, T>) -> Result<Option<Lowering<T>>, Problem> {
    let (zero, one, half) = (T::zero(), T::one(), T::of(0.5));
    let two = T::of(2.0);
    let real = |name, default| call.real(name, default).map(T::of);
    // Of constants, not of captured numbers: those would be looked up for each element.
    let step = |condition: bool| if condition { T::one() } else { T::zero() };
    let sigmoid = move |x: T| one / (one + (-x).smooth_exp());
    let softplus = |x: T| x.max(T::zero()) + (-x.abs()).exp().ln_1p();
    let made: Lowering<T> = match operator {
        "Relu" => of(|x: T| x.max(T::zero()), move |x, _| step(x > T::zero())),
        "LeakyRelu" => leaky(real("alpha", 0.01)?),
        "ThresholdedRelu" => {
            let a = real("alpha", 1.0)?;
            of(
                move |x| if x > a { x } else { zero },
                move |x, _| step(x > a),
            )
        }
        "Elu" => {
            let a = real("alpha", 1.0)?;
            of(
                move |x: T| if x < zero { a * x.exp_m1() } else { x },
                move |x, y| if x < zero { y + a } else { one },
            )
        }
        "Celu" => {
            let a = real("alpha", 1.0)?;
            of(
                move |x: T| x.max(zero) + zero.min(a * (x / a).exp_m1()),
                move |x: T, _| if x < zero { (x / a).exp() } else { one },
            )
        }
        "Selu" => {
            let (a, scale) = (real("alpha", 1.673_263_2)?, real("gamma", 1.050_701)?);
            of(
                move |x: T| scale * if x < zero { a * x.exp_m1() } else { x },
                move |x, y| if x < zero { y + scale * a } else { scale },
            )
        }
        "Sigmoid" => of(sigmoid, move |_, y| y * (one - y)),
        "HardSigmoid" => {
            let (a, b) = (real("alpha", 0.2)?, real("beta", 0.5)?);
            of(
                move |x: T| (a * x + b).max(zero).min(one),
                move |_, y| if y > zero && y < one { a } else { zero },
            )
        }
        "HardSwish" => {
            let (three, six) = (T::of(3.0), T::of(6.0));
            of(
                move |x: T| x * (x + three).max(zero).min(six) / six,
                move |x, _| match () {
                    () if x <= -three => zero,
                    () if x >= three => one,
                    () => (two * x + three) / six,
                },
            )
        }
        "Swish" | "QuickGelu" => {
            let default = if operator == "Swish" { 1.0 } else { 1.702 };
            {
                let a = real("alpha", default)?;
                of(
                    move |x| x * sigmoid(a * x),
                    move |x, y| {
                        let s = sigmoid(a * x);
                        s + a * y * (one - s)
                    },
                )
            }
        }
        "Mish" => of(
            move |x: T| x * softplus(x).tanh(),
            move |x: T, _| {
                let t = softplus(x).tanh();
                t + x * (one - t * t) * sigmoid(x)
            },
        ),
        "Gelu" | "FastGelu" => {
            let is_tanh = operator == "FastGelu" || call.node.text("approximate") == Some("tanh");
            match is_tanh {
                true => tanh_gelu(),
                false => of(
                    move |x: T| half * x * (one + (x * T::FRAC_1_SQRT_2()).erf()),
                    move |x: T, _| {
                        let density = (-half * x * x).smooth_exp() * T::of(0.398_942_280_401_432_7);
                        half * (one + (x * T::FRAC_1_SQRT_2()).erf()) + x * density
                    },
                ),
            }
        }
        "Tanh" => of(T::smooth_tanh, move |_, y| one - y * y),
        "Softplus" => of(softplus, move |x, _| sigmoid(x)),
        "Softsign" => of(
            move |x: T| x / (one + x.abs()),
            move |x: T, _| one / ((one + x.abs()) * (one + x.abs())),
        ),
        "Erf" => of(T::erf, move |x: T, _| {
            T::FRAC_2_SQRT_PI() * (-x * x).smooth_exp()
        }),
        "Exp" => of(T::smooth_exp, |_, y| y),
        "Log" => of(T::ln, move |x, _| one / x),
        "Sqrt" => of(T::sqrt, move |_, y| half / y),
        "Reciprocal" => of(move |x| one / x, |_, y| -y * y),
        "Neg" => of(|x: T| -x, move |_, _| -one),
        "Abs" => of(T::abs, move |x, _| sign(x)),
        "Sin" => of(T::sin, |x: T, _| x.cos()),
        "Cos" => of(T::cos, |x: T, _| -x.sin()),
        "Tan" => of(T::tan, move |_, y| one + y * y),
        "Asin" => of(T::asin, move |x, _| one / (one - x * x).sqrt()),
        "Acos" => of(T::acos, move |x, _| -one / (one - x * x).sqrt()),
        "Atan" => of(T::atan, move |x, _| one / (one + x * x)),
        "Sinh" => of(T::sinh, |x: T, _| x.cosh()),
        "Cosh" => of(T::cosh, |x: T, _| x.sinh()),
        "Asinh" => of(T::asinh, move |x, _| one / (x * x + one).sqrt()),
        "Acosh" => of(T::acosh, move |x, _| one / (x * x - one).sqrt()),
        "Atanh" => of(T::atanh, move |x, _| one / (one - x * x)),
        "Floor" => of(T::floor, move |_, _| zero),
        "Ceil" => of(T::ceil, move |_, _| zero),
        "Round" => of(round_half_even, move |_, _| zero),
        "Sign" => of(sign, move |_, _| zero),
        "Shrink" => {
            let (limit, bias) = (real("lambd", 0.5)?, real("bias", 0.0)?);
            of(
                move |x| match () {
                    () if x < -limit => x + bias,
                    () if x > limit => x - bias,
                    () => zero,
                },
                move |x, _| step(x < -limit || x > limit),
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}

/// Leaky ReLU; its slope at 0 is that below, as in PyTorch.
pub(crate) fn leaky<T: Real>(a: T) -> Lowering<T> {
    let (zero, one) = (T::zero(), T::one());
    of(
        move |x| if x > zero { x } else { a * x },
        move |x, _| if x > zero { one } else { a },
    )
}

/// GELU by its tanh approximation (Hendrycks and Gimpel 2016, section 2).
fn tanh_gelu<T: Real>() -> Lowering<T> {
    let (one, half) = (T::one(), T::of(0.5));
    let (a, b) = (T::of(0.797_884_560_802_865_4), T::of(0.044_715));
    of(
        move |x: T| half * x * (one + (a * (x + b * x * x * x)).smooth_tanh()),
        move |x: T, _| {
            let t = (a * (x + b * x * x * x)).smooth_tanh();
            let inner = a * (one + T::of(3.0) * b * x * x);
            half * (one + t) + half * x * (one - t * t) * inner
        },
    )
}

fn sign<T: Real>(x: T) -> T {
    match () {
        () if x > T::zero() => T::one(),
        () if x < T::zero() => -T::one(),
        () => T::zero(),
    }
}

pub(crate) fn round_half_even<T: Real>(x: T) -> T {
    let rounded = x.round();
    let is_half = (x - x.trunc()).abs() == T::of(0.5);
    let two = T::of(2.0);
    match is_half && rounded % two != T::zero() {
        true => rounded - sign(x),
        false => rounded,
    }
}
