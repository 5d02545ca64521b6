//! Recurrent layers, as the nodes that they consist of: one set per step in time.

use semilla::DType;
use semilla::graph::{Attribute, Literal, Node};

use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let cell = match operator {
        "LSTM" => Cell::Lstm,
        "GRU" => Cell::Gru {
            resets_product: call.int("linear_before_reset", 0)? != 0,
        },
        "RNN" => Cell::Plain,
        _ => return Ok(None),
    };
    let layer = Layer::of(call, cell)?;
    let mut nodes = Nodes::default();
    let outputs = layer.write(&mut nodes, call);
    let outputs: Vec<&str> = outputs.iter().map(|name| &**name).collect();
    Ok(Some(call.stand(nodes.0, &outputs)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Gates in the order input, output, forget, cell.
    Lstm,
    /// Gates in the order update, reset, hidden.
    Gru {
        /// Whether the reset gate acts on the state's product rather than on the state.
        resets_product: bool,
    },
    Plain,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru { .. } => 3,
            Cell::Plain => 1,
        }
    }

    fn activations(self) -> &'static [&'static str] {
        match self {
            Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Cell::Gru { .. } => &["Sigmoid", "Tanh"],
            Cell::Plain => &["Tanh"],
        }
    }
}

struct Layer {
    cell: Cell,
    steps: usize,
    batch: usize,
    hidden: usize,
    directions: usize,
    /// Whether the first direction goes back in time.
    starts_reversed: bool,
    /// For each direction in turn.
    activations: Vec<String>,
}

impl Layer {
    fn of<T: Real>(call: &Call<'_, T>, cell: Cell) -> Result<Self, Problem> {
        let (x, weight, state) = (call.float(0)?, call.float(1)?, call.float(2)?);
        let problem = || call.shapes("a sequence, and the gates' weights for it and for the state");
        let &[steps, batch, inputs] = x.array.shape() else {
            return Err(problem());
        };
        let &[directions, rows, hidden] = state.array.shape() else {
            return Err(problem());
        };
        let fits = rows == cell.gates() * hidden
            && weight.array.shape() == [directions, rows, inputs]
            && (1..=2).contains(&directions)
            && steps > 0;
        if !fits {
            return Err(problem());
        }
        if call.has(4) && call.whole(4)?.data().iter().any(|&len| len != steps as i64) {
            return Err(Problem::Unsupported(
                "a sequence shorter than others".to_owned(),
            ));
        }
        let unusual = ["clip", "input_forget", "layout"];
        if let Some(name) = unusual
            .iter()
            .find(|name| call.node.attribute(name).is_some())
        {
            let is_default = call.node.int(name) == Some(0);
            if !is_default {
                return Err(Problem::Unsupported(format!("the attribute {name:?}")));
            }
        }
        if cell == Cell::Lstm && call.has(7) {
            return Err(Problem::Unsupported("a peephole".to_owned()));
        }
        let direction = call.text("direction", "forward")?;
        let activations = match call.node.attribute("activations") {
            Some(Attribute::Texts(names)) => names.clone(),
            _ => {
                let own = cell.activations().repeat(directions);
                own.into_iter().map(str::to_owned).collect()
            }
        };
        if activations.len() != cell.activations().len() * directions {
            return Err(Problem::Attribute {
                name: "activations",
                value: format!("{activations:?}"),
            });
        }
        Ok(Self {
            cell,
            steps,
            batch,
            hidden,
            directions,
            starts_reversed: direction == "reverse",
            activations,
        })
    }

    /// Writes all nodes, and returns the names of the outputs.
    fn write<T: Real>(&self, nodes: &mut Nodes, call: &Call<'_, T>) -> Vec<String> {
        let made: Vec<[String; 3]> = (0..self.directions)
            .map(|direction| self.direction(nodes, call, direction))
            .collect();
        let join = |nodes: &mut Nodes, part: usize, axis: i64| {
            let names: Vec<&str> = made.iter().map(|parts| &*parts[part]).collect();
            nodes.put(Node::new("Concat", &names, &[]).with("axis", Attribute::Int(axis)))
        };
        let mut outputs = vec![join(nodes, 0, 1), join(nodes, 1, 0)];
        if self.cell == Cell::Lstm {
            outputs.push(join(nodes, 2, 0));
        }
        outputs
    }

    /// All states, the last one, and the last cell of a direction.
    fn direction<T: Real>(
        &self,
        nodes: &mut Nodes,
        call: &Call<'_, T>,
        direction: usize,
    ) -> [String; 3] {
        let own = |nodes: &mut Nodes, input: &str| nodes.picked(input, direction);
        let (weight, recurrent) = (own(nodes, "1"), own(nodes, "2"));
        let width = self.cell.gates() * self.hidden;
        let [input_bias, state_bias] = match call.has(3) {
            true => {
                let both = own(nodes, "3");
                let parts = nodes.split(&both, 0, &[width, width]);
                [Some(parts[0].clone()), Some(parts[1].clone())]
            }
            false => [None, None],
        };
        let weight = nodes.put(Node::new("Transpose", &[&weight], &[]));
        let recurrent = nodes.put(Node::new("Transpose", &[&recurrent], &[]));
        let mut given = nodes.op("MatMul", &["0", &weight]);
        if let Some(bias) = &input_bias {
            given = nodes.op("Add", &[&given, bias]);
        }
        let times = nodes.split(&given, 0, &vec![1; self.steps]);
        let times: Vec<String> = times.iter().map(|time| nodes.squeezed(time)).collect();
        let start = |nodes: &mut Nodes, input: usize| match call.has(input) {
            true => nodes.picked(&input.to_string(), direction),
            false => nodes.zeros(&[self.batch, self.hidden]),
        };
        let mut state = start(nodes, 5);
        let mut memory = match self.cell {
            Cell::Lstm => start(nodes, 6),
            _ => String::new(),
        };
        let per_direction = self.cell.activations().len();
        let activations = &self.activations[direction * per_direction..][..per_direction];
        let is_reversed = self.starts_reversed || direction == 1;
        let mut states = vec![String::new(); self.steps];
        for step in 0..self.steps {
            let step = if is_reversed {
                self.steps - 1 - step
            } else {
                step
            };
            let turn = Turn {
                given: &times[step],
                recurrent: &recurrent,
                bias: state_bias.as_deref(),
                hidden: self.hidden,
                activations,
            };
            (state, memory) = match self.cell {
                Cell::Lstm => turn.lstm(nodes, &state, &memory),
                Cell::Gru { resets_product } => (turn.gru(nodes, &state, resets_product), memory),
                Cell::Plain => (turn.plain(nodes, &state), memory),
            };
            states[step] = nodes.unsqueezed(&state, &[0, 1]);
        }
        let names: Vec<&str> = states.iter().map(|name| &**name).collect();
        let all = nodes.put(Node::new("Concat", &names, &[]).with("axis", Attribute::Int(0)));
        let last = nodes.unsqueezed(&state, &[0]);
        let cell = match self.cell {
            Cell::Lstm => nodes.unsqueezed(&memory, &[0]),
            _ => String::new(),
        };
        [all, last, cell]
    }
}

/// One step in time.
struct Turn<'a> {
    /// The input's products, biases added.
    given: &'a str,
    recurrent: &'a str,
    bias: Option<&'a str>,
    hidden: usize,
    activations: &'a [String],
}

impl Turn<'_> {
    /// The state's products, biases added.
    fn product(&self, nodes: &mut Nodes, state: &str) -> String {
        let product = nodes.op("MatMul", &[state, self.recurrent]);
        match self.bias {
            Some(bias) => nodes.op("Add", &[&product, bias]),
            None => product,
        }
    }

    fn plain(&self, nodes: &mut Nodes, state: &str) -> String {
        let product = self.product(nodes, state);
        let sum = nodes.op("Add", &[self.given, &product]);
        nodes.op(&self.activations[0], &[&sum])
    }

    fn lstm(&self, nodes: &mut Nodes, state: &str, memory: &str) -> (String, String) {
        let product = self.product(nodes, state);
        let sum = nodes.op("Add", &[self.given, &product]);
        let gates = nodes.split(&sum, 1, &[self.hidden; 4]);
        let [gate, inner, outer] = [0, 1, 2].map(|i| &*self.activations[i]);
        let [input, output, forget] = [0, 1, 2].map(|i| nodes.op(gate, &[&gates[i]]));
        let candidate = nodes.op(inner, &[&gates[3]]);
        let kept = nodes.op("Mul", &[&forget, memory]);
        let added = nodes.op("Mul", &[&input, &candidate]);
        let memory = nodes.op("Add", &[&kept, &added]);
        let shown = nodes.op(outer, &[&memory]);
        (nodes.op("Mul", &[&output, &shown]), memory)
    }

    fn gru(&self, nodes: &mut Nodes, state: &str, resets_product: bool) -> String {
        let parts = [self.hidden; 3];
        let given = nodes.split(self.given, 1, &parts);
        let product = self.product(nodes, state);
        let product = nodes.split(&product, 1, &parts);
        let [gate, inner] = [0, 1].map(|i| &*self.activations[i]);
        let [update, reset] = [0, 1].map(|i| {
            let sum = nodes.op("Add", &[&given[i], &product[i]]);
            nodes.op(gate, &[&sum])
        });
        let from_state = match resets_product {
            true => nodes.op("Mul", &[&reset, &product[2]]),
            false => {
                let reset_state = nodes.op("Mul", &[&reset, state]);
                let weights = nodes.split(self.recurrent, 1, &parts);
                let own = nodes.op("MatMul", &[&reset_state, &weights[2]]);
                match self.bias {
                    Some(bias) => {
                        let biases = nodes.split(bias, 0, &parts);
                        nodes.op("Add", &[&own, &biases[2]])
                    }
                    None => own,
                }
            }
        };
        let sum = nodes.op("Add", &[&given[2], &from_state]);
        let candidate = nodes.op(inner, &[&sum]);
        // (1 - z) · candidate + z · state
        let distance = nodes.op("Sub", &[state, &candidate]);
        let step = nodes.op("Mul", &[&update, &distance]);
        nodes.op("Add", &[&candidate, &step])
    }
}

/// Nodes as they are written, each output with a name of its own.
#[derive(Default)]
struct Nodes(Vec<Node>);

impl Nodes {
    /// Adds a node and names its only output.
    fn put(&mut self, mut node: Node) -> String {
        let name = format!("n{}", self.0.len());
        node.outputs = vec![name.clone()];
        self.0.push(node);
        name
    }

    fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.put(Node::new(operator, inputs, &[]))
    }

    fn split(&mut self, input: &str, axis: i64, parts: &[usize]) -> Vec<String> {
        let names: Vec<String> = (0..parts.len())
            .map(|part| format!("n{}_{part}", self.0.len()))
            .collect();
        let sizes = parts.iter().map(|&part| part as i64).collect();
        let mut node = Node::new("Split", &[input], &[])
            .with("axis", Attribute::Int(axis))
            .with("split", Attribute::Ints(sizes));
        node.outputs.clone_from(&names);
        self.0.push(node);
        names
    }

    /// The part of an input along its first axis, without that axis.
    fn picked(&mut self, input: &str, index: usize) -> String {
        let slice = Node::new("Slice", &[input], &[])
            .with("starts", Attribute::Ints(vec![index as i64]))
            .with("ends", Attribute::Ints(vec![index as i64 + 1]))
            .with("axes", Attribute::Ints(vec![0]));
        let slice = self.put(slice);
        self.squeezed(&slice)
    }

    fn squeezed(&mut self, input: &str) -> String {
        self.put(Node::new("Squeeze", &[input], &[]).with("axes", Attribute::Ints(vec![0])))
    }

    fn unsqueezed(&mut self, input: &str, axes: &[i64]) -> String {
        let axes = Attribute::Ints(axes.to_vec());
        self.put(Node::new("Unsqueeze", &[input], &[]).with("axes", axes))
    }

    fn zeros(&mut self, shape: &[usize]) -> String {
        let bytes = vec![0; 4 * shape.iter().product::<usize>()];
        let literal = Literal::new(DType::F32, shape, bytes).expect("4 bytes per element");
        self.put(Node::new("Constant", &[], &[]).with("value", Attribute::Tensor(literal)))
    }
}
