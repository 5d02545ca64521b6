"""Small convolutional networks of the digits: plain, residual, densely connected, with one kernel a channel."""

import torch
from torch import nn
from torch.nn import functional
from training import CLASSES, batch_norm


def conv(inputs, outputs, size=3, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias)


def group_norm(channels):
    return nn.GroupNorm(4, channels)


class Vgg(nn.Module):
    """Pairs of convolutions, a normalization behind each, and the greatest of every 2 x 2 pixels; two linear layers at the end."""

    def __init__(self, norm=batch_norm, sizes=(8, 16, 32), width=32):
        super().__init__()
        self.convs, self.norms, before = nn.ModuleList(), nn.ModuleList(), 1
        for size in sizes:
            for inputs in (before, size):
                self.convs.append(conv(inputs, size, bias=True))
                self.norms.append(norm(size))
            before = size
        self.fc1, self.fc2 = nn.Linear(before, width), nn.Linear(width, CLASSES)

    def forward(self, x):
        for place, (layer, norm) in enumerate(zip(self.convs, self.norms)):
            x = torch.relu(norm(layer(x)))
            if place % 2:
                x = functional.max_pool2d(x, 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Staged(nn.Module):
    """A stem, two stages of blocks, of which the second has twice the channels on a quarter of the pixels, and the mean."""

    def __init__(self, block, blocks, channels=12, norm=batch_norm, end=nn.Identity):
        super().__init__()
        self.stem, self.stem_norm = conv(1, channels), norm(channels)
        first = [block(channels, channels, 1, norm) for _ in range(blocks)]
        second = [block(2 * channels if place else channels, 2 * channels, 1 if place else 2, norm) for place in range(blocks)]
        self.layer1, self.layer2 = nn.Sequential(*first), nn.Sequential(*second)
        self.end, self.head = end(2 * channels), nn.Linear(2 * channels, CLASSES)

    def forward(self, x):
        x = self.layer2(self.layer1(torch.relu(self.stem_norm(self.stem(x)))))
        return self.head(torch.relu(self.end(x)).mean((2, 3)))


class Shortcut(nn.Module):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        is_same = inputs == outputs and stride == 1
        self.downsample = nn.Identity() if is_same else nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))


class Basic(Shortcut):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm)
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), norm(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), norm(outputs)

    def forward(self, x):
        return torch.relu(self.downsample(x) + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Bottleneck(Shortcut):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm)
        middle = outputs // 2
        self.conv1, self.bn1 = conv(inputs, middle, 1), norm(middle)
        self.conv2, self.bn2 = conv(middle, middle, 3, stride), norm(middle)
        self.conv3, self.bn3 = conv(middle, outputs, 1), norm(outputs)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.downsample(x) + self.bn3(self.conv3(y)))


class Preactivated(nn.Module):
    """Normalizations and activations before the convolutions (He et al. 2016)."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.bn1, self.conv1 = norm(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = norm(outputs), conv(outputs, outputs)
        self.downsample = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1, stride)

    def forward(self, x):
        y = torch.relu(self.bn1(x))
        return self.downsample(x) + self.conv2(torch.relu(self.bn2(self.conv1(y))))


class Excitation(nn.Module):
    """Channels times what their means say (Hu et al. 2018)."""

    def __init__(self, channels, middle):
        super().__init__()
        self.fc1, self.fc2 = conv(channels, middle, 1, bias=True), conv(middle, channels, 1, bias=True)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Excited(Basic):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm)
        self.se = Excitation(outputs, outputs // 4)

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.downsample(x) + self.se(y))


class Separable(nn.Module):
    """A kernel a channel, then one for all channels, a normalization and a ReLU behind each (MobileNet)."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.depthwise, self.bn1 = conv(inputs, inputs, 3, stride, groups=inputs), norm(inputs)
        self.pointwise, self.bn2 = conv(inputs, outputs, 1), norm(outputs)

    def forward(self, x):
        return torch.relu(self.bn2(self.pointwise(torch.relu(self.bn1(self.depthwise(x))))))


class Inverted(nn.Module):
    """Narrow blocks that are wide inside, and end in no activation (MobileNetV2)."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        middle = 3 * inputs
        self.expand, self.bn1 = conv(inputs, middle, 1), norm(middle)
        self.depthwise, self.bn2 = conv(middle, middle, 3, stride, groups=middle), norm(middle)
        self.project, self.bn3 = conv(middle, outputs, 1), norm(outputs)
        self.is_residual = inputs == outputs and stride == 1

    def forward(self, x):
        y = functional.relu6(self.bn1(self.expand(x)))
        y = self.bn3(self.project(functional.relu6(self.bn2(self.depthwise(y)))))
        return x + y if self.is_residual else y


class DenseNet(nn.Module):
    """Each layer takes what all before it made; half of the channels go on in the middle."""

    def __init__(self, layers=4, growth=8):
        super().__init__()
        self.stem, self.transition, before = conv(1, 2 * growth), None, 2 * growth
        self.norms, self.layers = nn.ModuleList(), nn.ModuleList()
        for place in range(2 * layers):
            if place == layers:
                self.middle_norm, self.transition = batch_norm(before), conv(before, before // 2, 1)
                before //= 2
            self.norms.append(batch_norm(before))
            self.layers.append(conv(before, growth))
            before += growth
        self.norm, self.head = batch_norm(before), nn.Linear(before, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        for place, (norm, layer) in enumerate(zip(self.norms, self.layers)):
            if 2 * place == len(self.layers):
                x = functional.avg_pool2d(self.transition(torch.relu(self.middle_norm(x))), 2)
            x = torch.cat([x, layer(torch.relu(norm(x)))], 1)
        return self.head(torch.relu(self.norm(x)).mean((2, 3)))


class ConvNeXtBlock(nn.Module):
    def __init__(self, width, is_scaled):
        super().__init__()
        self.dwconv, self.norm = conv(width, width, groups=width, bias=True), nn.LayerNorm(width)
        self.pwconv1, self.pwconv2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6)) if is_scaled else None

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(functional.gelu(self.pwconv1(y)))
        return x + (y if self.gamma is None else self.gamma * y).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, depth, is_scaled=False, width=16):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(1, width, 2, stride=2), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width, is_scaled) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.stem_norm(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.head(self.norm(self.blocks(x).mean((2, 3))))
