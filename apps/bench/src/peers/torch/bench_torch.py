"""PyTorch on the CPU or a CUDA device: replays the recorded layers of a case. Speaks the protocol of harness/protocol.ts."""

import array
import base64
import json
import math
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F

ANSWERS = os.fdopen(3, "w", buffering=1)
EPS = 1e-5
DEVICE = sys.argv[2] if len(sys.argv) > 2 else "cpu"
ON_CARD = DEVICE == "cuda"
# harness/session.ts compares so many numbers of an output.
MOST_COMPARED = 2**18


def answer(**message):
    ANSWERS.write(json.dumps(message) + "\n")
    ANSWERS.flush()


def encode(tensor):
    flat = tensor.detach().flatten()
    if flat.numel() > MOST_COMPARED:
        flat = flat[:: math.ceil(flat.numel() / MOST_COMPARED) | 1]
    values = array.array("f", flat.to(torch.float32).cpu().tolist())
    return base64.b64encode(values.tobytes()).decode()


def activated(x, kind):
    if kind is None:
        return x
    if kind == "relu":
        return F.relu(x)
    if kind == "relu6":
        return F.relu6(x)
    if kind == "leakyRelu":
        return F.leaky_relu(x, 0.2)
    if kind == "gelu":
        return F.gelu(x)
    return torch.tanh(x)


def attention(qkv, heads, causal):
    batch, length, width = qkv.shape
    size = width // 3 // heads
    q, k, v = (
        part.view(batch, length, heads, size).transpose(1, 2)
        for part in qkv.split(width // 3, dim=2)
    )
    if hasattr(F, "scaled_dot_product_attention"):
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    else:
        scores = q @ k.transpose(-2, -1) / math.sqrt(size)
        if causal:
            future = torch.ones(length, length, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        y = scores.softmax(-1) @ v
    return y.transpose(1, 2).reshape(batch, length, width // 3)


class Network:
    """Layers by name over a table of parameters; one closure a step, made ahead of the calls."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.lstms = {}

    def weights(self, name, options):
        bias = self.parameters.get(name + ".bias") if options.get("bias", True) else None
        return self.parameters[name + ".weight"], bias

    def step(self, step):
        # Its own helper has the name of one of the layers.
        layer = "weights_" if step["op"] == "weights" else step["op"]
        return getattr(self, layer)(step.get("name"), step["options"])

    def section(self, section):
        """A function of the inputs."""
        steps = [(self.step(s), s["inputs"], s["output"]) for s in section["steps"]]
        names, output = section["inputs"], section["output"]

        def run(inputs):
            values = dict(zip(names, inputs))
            for call, ids, result in steps:
                values[result] = call(*[values[i] for i in ids])
            return values[output]

        return run

    def linear(self, name, o):
        weight, bias = self.weights(name, o)
        kind = o.get("activation")
        return lambda x: activated(F.linear(x, weight, bias), kind)

    def conv(self, name, o):
        weight, bias = self.weights(name, o)
        kind = o.get("activation")
        how = dict(
            stride=o.get("stride", 1), padding=o.get("padding", 0), groups=o.get("groups", 1)
        )
        return lambda x: activated(F.conv2d(x, weight, bias, **how), kind)

    def convNorm(self, name, o):
        # Folded, as the library's own `fuse_conv_bn_eval` does before a model is served.
        p = {key: self.parameters[f"{name}.norm.{key}"] for key in ("weight", "bias", "mean", "variance")}
        factor = p["weight"] / torch.sqrt(p["variance"] + EPS)
        weight = self.parameters[name + ".conv.weight"] * factor.view(-1, 1, 1, 1)
        self.parameters[name + ".weight"] = weight.contiguous()
        self.parameters[name + ".bias"] = p["bias"] - p["mean"] * factor
        return self.conv(name, o)

    def convTranspose(self, name, o):
        weight, bias = self.weights(name, o)
        kind = o.get("activation")
        how = dict(stride=o.get("stride", 1), padding=o.get("padding", 0))
        return lambda x: activated(F.conv_transpose2d(x, weight, bias, **how), kind)

    def batchNorm(self, name, o):
        weight, bias = self.weights(name, o)
        return lambda x: F.batch_norm(x, None, None, weight, bias, training=True, eps=EPS)

    def layerNorm(self, name, o):
        weight, bias = self.weights(name, o)
        return lambda x: F.layer_norm(x, weight.shape, weight, bias, EPS)

    def embedding(self, name, o):
        weight = self.parameters[name + ".weight"]
        return lambda tokens: F.embedding(tokens, weight)

    def positions(self, name, o):
        weight = self.parameters[name + ".weight"]
        return lambda x: x + weight

    def lstm(self, name, o):
        keys = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        flat = [self.parameters[f"{name}.{key}"] for key in keys]
        hidden = o["hidden"]
        training = flat[0].requires_grad

        def run(x):
            zero = x.new_zeros(1, x.shape[0], hidden)
            # What `nn.LSTM` calls: biases, one layer, no dropout, training, one direction, batch first.
            return torch._VF.lstm(x, (zero, zero), flat, True, 1, 0.0, training, False, True)[0]

        return run

    def gru(self, name, o):
        keys = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        flat = [self.parameters[f"{name}.{key}"] for key in keys]
        hidden = o["hidden"]
        training = flat[0].requires_grad

        def run(x):
            zero = x.new_zeros(1, x.shape[0], hidden)
            return torch._VF.gru(x, zero, flat, True, 1, 0.0, training, False, True)[0]

        return run

    def weights_(self, name, o):
        weight = self.parameters[name + ".weight"]
        return lambda: weight

    def sumSquares(self, name, o):
        return lambda x: x.square().sum()

    def attention(self, name, o):
        heads, causal = o["heads"], o["causal"]
        return lambda x: attention(x, heads, causal)

    def cachedAttention(self, name, o):
        heads = o["heads"]

        def run(qkv, keys, values):
            batch, _, width = keys.shape
            q, k, v = qkv.split(width, dim=2)
            k, v = torch.cat((keys, k), 1), torch.cat((values, v), 1)
            q, k, v = (
                x.view(batch, -1, heads, width // heads).transpose(1, 2) for x in (q, k, v)
            )
            if hasattr(F, "scaled_dot_product_attention"):
                y = F.scaled_dot_product_attention(q, k, v)
            else:
                y = (q @ k.transpose(-2, -1) / math.sqrt(width // heads)).softmax(-1) @ v
            return y.transpose(1, 2).reshape(batch, 1, width)

        return run

    def activation(self, name, o):
        kind = o["kind"]
        return lambda x: activated(x, kind)

    def softmax(self, name, o):
        return lambda x: x.softmax(-1)

    def matmul(self, name, o):
        return torch.matmul

    def add(self, name, o):
        return torch.add

    def mul(self, name, o):
        return torch.mul

    def scale(self, name, o):
        factor = o["factor"]
        return lambda x: x * factor

    def maxPool(self, name, o):
        kernel, stride, padding = o["kernel"], o["stride"], o.get("padding", 0)
        return lambda x: F.max_pool2d(x, kernel, stride, padding)

    def globalAvgPool(self, name, o):
        return lambda x: x.mean((2, 3))

    def concat(self, name, o):
        return lambda a, b: torch.cat((a, b), 1)

    def flatten(self, name, o):
        return lambda x: x.flatten(1)

    def image(self, name, o):
        shape = o["shape"]
        return lambda x: x.view(x.shape[0], *shape)

    def reshape(self, name, o):
        shape = o["shape"]
        return lambda x: x.reshape(shape)

    def last(self, name, o):
        return lambda x: x[:, -1]

    def crossEntropy(self, name, o):
        return lambda logits, labels: F.cross_entropy(logits, labels)

    def binaryCrossEntropy(self, name, o):
        label = float(o["label"])
        return lambda x: F.binary_cross_entropy_with_logits(x, torch.full_like(x, label))


def read(folder):
    with open(os.path.join(folder, "program.json")) as file:
        program = json.load(file)

    def tensors(entries, name):
        with open(os.path.join(folder, name), "rb") as file:
            blob = bytearray(file.read())
        found = {}
        for e in entries:
            dtype = torch.int32 if e["dtype"] == "int32" else torch.float32
            count = math.prod(e["shape"])
            flat = torch.frombuffer(blob, dtype=dtype, count=count, offset=e["offset"])
            value = flat.view(e["shape"]).clone()
            found[e["name"]] = value.half() if e.get("half") else value
        return found

    inputs = tensors(program["inputs"], "inputs.bin")
    # Its indices are 64-bit.
    inputs = {k: v.long() if v.dtype == torch.int32 else v for k, v in inputs.items()}
    weights = tensors(program["parameters"], "weights.bin")
    return program, {k: v.to(DEVICE) for k, v in weights.items()}, list(inputs.values())


def load_forward(program, parameters, inputs):
    forward = Network(parameters).section(program["forward"])
    stay = program["family"] == "kernels"
    if stay:
        inputs = [x.to(DEVICE) for x in inputs]

    def run():
        with torch.inference_mode():
            # On a card single operations leave their results there; `measure` waits for them.
            return forward(inputs) if stay else forward([x.to(DEVICE) for x in inputs]).cpu()

    return run


def optimizer_of(settings, parameters):
    if settings["kind"] == "adam":
        betas = (settings["beta1"], settings["beta2"])
        return torch.optim.Adam(parameters, lr=settings["lr"], betas=betas, eps=settings["eps"])
    return torch.optim.SGD(parameters, lr=settings["lr"])


def load_training(program, parameters, inputs):
    for p in parameters.values():
        p.requires_grad_(True)
    network = Network(parameters)
    shared = network.section(program["shared"]) if "shared" in program else None
    phases = []
    for phase in program["phases"]:
        own = [p for name, p in parameters.items() if name.startswith(phase["prefix"])]
        phases.append((network.section(phase), own, optimizer_of(phase["optimizer"], own), phase["detached"]))

    def run():
        losses = []
        given_inputs = [x.to(DEVICE) for x in inputs]
        value = shared(given_inputs) if shared else None
        for loss_of, own, optimizer, detached in phases:
            given = [] if value is None else [value.detach() if detached else value]
            loss = loss_of(given_inputs + given)
            optimizer.zero_grad(set_to_none=True)
            loss.backward(inputs=own)
            optimizer.step()
            losses.append(loss)
        return torch.tensor([loss.item() for loss in losses])

    return run


def load(command):
    program, parameters, inputs = read(command["files"]["program"])
    start = time.perf_counter()
    build = load_training if command["family"] == "train" else load_forward
    run = build(program, parameters, inputs)
    outputs = [run()]
    first = (time.perf_counter() - start) * 1000
    while len(outputs) < command["calls"]:
        outputs.append(run())
    answer(did="load", first=first, outputs=[encode(o) for o in outputs])
    return run


def measure_queued(run, milliseconds):
    """As `measureQueued` of harness/session.ts does."""

    def turn(count):
        start = time.perf_counter()
        for _ in range(count):
            run()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1000

    count = 1
    while turn(count) < milliseconds / 3 and count < 64:
        count *= 2
    samples = []
    end = time.perf_counter() + milliseconds / 1000
    while True:
        samples.append(turn(count) / count)
        if time.perf_counter() >= end:
            return samples


def measure(run, milliseconds):
    samples = []
    start = time.perf_counter()
    end = start + milliseconds / 1000
    while True:
        run()
        now = time.perf_counter()
        samples.append((now - start) * 1000)
        start = now
        if now >= end:
            return samples


def main():
    torch.set_num_threads(int(sys.argv[1]))
    # What is compared is float32, as it says.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    run, queued = None, False
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "load":
                run = load(command)
                queued = ON_CARD and command["family"] == "kernels"
            elif command["do"] == "measure":
                answer(did="measure", samples=(measure_queued if queued else measure)(run, command["milliseconds"]))
            else:
                # Kilobytes on Linux, bytes on macOS.
                unit = 1 if sys.platform == "darwin" else 1024
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
                answer(did="finish", peakBytes=peak)
                return
        except Exception as error:  # the parent shows it
            answer(did="fail", message=f"{type(error).__name__}: {error}"[:300])


main()
