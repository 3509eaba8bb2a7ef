import numpy as np
import pytest

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.error import ShipwayError
from shipway.testing.model import FORMAT_CASES, FormatSample, make_labelled, make_rows

torch = pytest.importorskip("torch", reason="needs PyTorch (pip install torch), which is not installed")

from shipway.adapters.torch.model import TorchFormat  # noqa: E402


class Net(torch.nn.Module):
    """A small network that fills what is missing itself."""

    def __init__(self, columns, outputs=1):
        super().__init__()
        self.first = torch.nn.Linear(columns, 8)
        self.last = torch.nn.Linear(8, outputs)

    def forward(self, x):
        filled = torch.nan_to_num(x, nan=0.0).clamp(-10, 10)
        score = self.last(torch.relu(self.first(filled)))
        return torch.sigmoid(score).squeeze(1)


class Steps(torch.nn.Module):
    """A module with whatever forward it is given."""

    def __init__(self, forward, columns=3):
        super().__init__()
        self.step = forward
        if columns:
            self.n_features_in_ = columns

    def forward(self, x):
        return self.step(torch.nan_to_num(x))


def fit(x, y, seed):
    torch.manual_seed(seed)
    net = Net(x.shape[1], max(1, len(np.unique(y)) - 1) if len(np.unique(y)) > 2 else 1)
    given, due = torch.tensor(x, dtype=torch.float32), torch.tensor(y > 0, dtype=torch.float32)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(5):
        said = net(given)
        loss = torch.nn.functional.binary_cross_entropy(said if said.ndim == 1 else said[:, 0], due)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net


def predict(net, x):
    with torch.no_grad():
        return net.eval()(torch.tensor(x, dtype=torch.float32)).numpy().astype(np.float64)


@pytest.mark.parametrize("case", FORMAT_CASES)
def test_torch_conforms(case):
    case(
        lambda: FormatSample(
            model_format=TorchFormat(),
            runtime=OnnxRuntime(),
            fit=fit,
            unfitted=torch.nn.Sequential(torch.nn.LazyLinear(1), torch.nn.Sigmoid()),
            predict=predict,
            tolerance=1e-5,
            declared=False,
        )
    )


class NumberNet(Net):
    """The same network without the sigmoid."""

    def forward(self, x):
        filled = torch.nan_to_num(x, nan=0.0).clamp(-10, 10)
        return 20 * self.last(torch.relu(self.first(filled)))


def fit_number(x, y, seed):
    torch.manual_seed(seed)
    net = NumberNet(x.shape[1])
    given, due = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(5):
        loss = torch.nn.functional.mse_loss(net(given)[:, 0], due)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net


@pytest.mark.parametrize("case", FORMAT_CASES)
def test_modules_of_a_number_conform(case):
    case(
        lambda: FormatSample(
            model_format=TorchFormat(),
            runtime=OnnxRuntime(),
            fit=fit_number,
            unfitted=torch.nn.Sequential(torch.nn.LazyLinear(1)),
            predict=lambda net, x: predict(net, x)[:, 0],
            tolerance=1e-5,
            kind="number",
            declared=False,
        )
    )


def test_any_number_will_do_where_the_label_is_one():
    x, _ = make_labelled(2, "number", 50)
    module = Steps(lambda x: 3 * x[:, 0] - x[:, 1])
    predictor = TorchFormat().load(TorchFormat().dump(module, "number"))
    assert predictor.predicts == "number"
    np.testing.assert_allclose(predictor.predict(x), predict(module, x), rtol=1e-5, atol=1e-5)
    with pytest.raises(ShipwayError, match="what is no number"):
        TorchFormat().dump(Steps(lambda x: torch.log(x[:, 0])), "number")


class ClassNet(Net):
    """The same network with a softmax of one number for each class."""

    def forward(self, x):
        filled = torch.nan_to_num(x, nan=0.0).clamp(-10, 10)
        return torch.softmax(self.last(torch.relu(self.first(filled))), dim=1)


def fit_class(x, y, seed):
    torch.manual_seed(seed)
    net = ClassNet(x.shape[1], int(y.max()) + 1)
    given, due = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(5):
        loss = torch.nn.functional.nll_loss(torch.log(net(given)), due)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_modules_of_classes_conform(case, classes):
    case(
        lambda: FormatSample(
            model_format=TorchFormat(),
            runtime=OnnxRuntime(),
            fit=fit_class,
            unfitted=torch.nn.Sequential(torch.nn.LazyLinear(classes), torch.nn.Softmax(dim=1)),
            predict=predict,
            tolerance=1e-5,
            kind="class",
            declared=False,
            classes=classes,
        )
    )


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x: x, "no probability of each class"),
        (lambda x: torch.sigmoid(x), "no probability of each class"),
        (lambda x: torch.softmax(torch.log(x), dim=1), "no probability of each class"),
        (lambda x: torch.sigmoid(x[:, 0]), "gives shape"),
        (lambda x: torch.softmax(x[:, :1], dim=1), "gives shape"),
        (lambda x: torch.softmax(x, dim=1)[:, :, None], "gives shape"),
    ],
    ids=["logits", "one sigmoid each", "gaps", "one number", "one class", "too many"],
)
def test_what_gives_no_probability_of_each_class_is_refused(forward, said):
    with pytest.raises(ShipwayError, match=said) as refused:
        TorchFormat().dump(Steps(forward), "class")
    assert refused.value.code == "SW-501"
    assert "torch.softmax" in refused.value.hint


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x: x[:, 0], "no probability"),
        (lambda x: torch.sigmoid(x), "gives shape"),
        (lambda x: torch.sigmoid(x[:, 7]), "fails on 3 columns"),
        (lambda x: torch.sigmoid(x[:, 0] if float(x.sum()) == 0 else x[:, 1]), "predicts something else"),
    ],
    ids=["logits", "too many", "other columns", "a branch in Python"],
)
def test_what_gives_no_probability_is_refused(forward, said):
    with pytest.raises(ShipwayError, match=said) as refused:
        TorchFormat().dump(Steps(forward), "condition")
    assert refused.value.code == "SW-501"


def test_dropout_is_off_and_the_module_is_left_as_it_was():
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5), torch.nn.Linear(3, 1), torch.nn.Sigmoid())
    module = Steps(net)
    module.add_module("net", net)
    module.train()
    x = np.nan_to_num(make_rows(1, 50)[0])
    found = TorchFormat().load(TorchFormat().dump(module, "condition")).predict(x)
    assert module.training
    np.testing.assert_allclose(found, predict(module, x)[:, 0], atol=1e-5)


def test_a_module_that_does_not_say_its_columns_is_refused():
    with pytest.raises(ShipwayError, match="how many columns"):
        TorchFormat().dump(Steps(lambda x: torch.sigmoid(x[:, 0]), columns=0), "condition")
