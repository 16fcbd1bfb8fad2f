"""What is said of normalisation: moments, invariance, conditioning, noise."""

from __future__ import annotations

from fractions import Fraction

from optcheck.reference.registry import equation, statement

statement(
    "standardised-moments",
    title="Standardised training data have mean 0 and variance 1; test data reuse the statistics",
    formula=(
        r"\frac1N\sum_n\tilde x_{ni}=0,\quad\frac1N\sum_n\tilde x_{ni}^2=1;\qquad"
        r"\tilde x^{\text{test}}=(x^{\text{test}}-\mu^{\text{train}})/\sigma^{\text{train}}"
    ),
    sources=("bishop:sec 7.4.1", "bishop:Fig 7.7"),
)
statement(
    "batch-normalisation-inference",
    title="Running averages are used in inference only",
    formula=(
        r"\text{train}:\ (\mu_i,\sigma_i^2)\text{ of the batch};\quad"
        r"\text{inference}:\ (\bar\mu_i,\bar\sigma_i^2)"
    ),
    sources=("bishop:sec 7.4.2",),
)
statement(
    "batch-normalisation-invariance",
    title="Batch normalisation removes degrees of freedom",
    formula=(
        r"\mathrm{BN}(c\,\mathbf a+d)=\mathrm{BN}(\mathbf a)\quad(c>0,\ \delta=0);\qquad"
        r"\mathbf w^T\nabla_{\mathbf w}E=0"
    ),
    sources=("bishop:sec 7.4.2",),
)
statement(
    "batch-normalisation-differentiable",
    title="The transform is differentiable in its parameters",
    formula=(
        r"\frac{\partial\tilde a_{ni}}{\partial\gamma_i}=\hat a_{ni},\quad"
        r"\frac{\partial\tilde a_{ni}}{\partial\beta_i}=1"
    ),
    sources=("bishop:sec 7.4.2",),
)
statement(
    "layer-normalisation-same-in-inference",
    title="Layer normalisation is the same in training and in inference",
    formula=r"\hat a_n\ \text{depends on example }n\ \text{only}",
    sources=("bishop:sec 7.4.3",),
)
statement(
    "internal-covariate-shift-explanation",
    title="Explanations of why batch normalisation helps",
    formula=r"\text{covariate shift not decisive; smoother error surface}",
    sources=("bishop:sec 7.4.2",),
    unchecked="a contested explanation of experiments, without a measure of either effect",
)


@equation(
    "input-scale-curvature-anisotropy",
    title="Very different input ranges give very different curvatures",
    formula=(
        r"\mathbf H=\sum_n\mathbf x_n\mathbf x_n^T:\quad r\le\kappa(\mathbf H)\le "
        r"r\,\kappa(\mathbf R),\quad r=(\text{range}_1/\text{range}_2)^2;\qquad"
        r"\kappa(\tilde{\mathbf H})=\frac{1+|\rho|}{1-|\rho|}"
    ),
    sources=("bishop:sec 7.4.1", "bishop:Ex 7.14"),
)
def standardised_condition(correlation: float) -> float:
    """The condition number of the Hessian of two standardised inputs that correlate so."""
    return (1 + abs(correlation)) / (1 - abs(correlation))


@equation(
    "batch-statistics-noise-small-batch",
    title="Batch statistics are too noisy for small batches",
    formula=(
        r"\mathrm{Var}[\mu_i]=\sigma^2/K,\quad"
        r"\mathrm{Var}[\sigma_i^2]=\frac{2(K-1)}{K^2}\sigma^4\ (\text{Gaussian})"
    ),
    sources=("bishop:sec 7.4.3",),
)
def noise(size: int) -> tuple[Fraction, Fraction]:
    """The variances of mean and variance of ``size`` Gaussians of deviation 1."""
    return Fraction(1, size), Fraction(2 * (size - 1), size**2)
