"""What backpropagation through a chain computes: products of Jacobians, and sums over them."""

from __future__ import annotations

from optcheck.reference.registry import statement

statement(
    "jacobian-chain-gradient",
    title="The derivative in a weight of the first layer is a sum over all paths",
    formula=(
        r"\frac{\partial E}{\partial w_i}=\sum_m\cdots\sum_l\sum_j"
        r"\frac{\partial z_m^{(1)}}{\partial w_i}\cdots"
        r"\frac{\partial z_j^{(K)}}{\partial z_l^{(K-1)}}\frac{\partial E}{\partial z_j^{(K)}}"
    ),
    sources=("bishop:7.51",),
)
statement(
    "bptt-gradient-decomposition",
    title="The gradient of a late loss is a sum over the times at which a parameter acted",
    formula=(
        r"\frac{\partial L_T}{\partial\theta}=\sum_{t\le T}\frac{\partial L_T}{\partial s_T}"
        r"\frac{\partial s_T}{\partial s_t}\frac{\partial F_\theta(s_{t-1},x_t)}{\partial\theta}"
    ),
    sources=("goodfellow:8.8",),
)
statement(
    "state-jacobian-product",
    title="The Jacobian over a long span is the product of those of its steps",
    formula=(
        r"\frac{\partial s_T}{\partial s_t}=\frac{\partial s_T}{\partial s_{T-1}}"
        r"\frac{\partial s_{T-1}}{\partial s_{T-2}}\cdots\frac{\partial s_{t+1}}{\partial s_t}"
    ),
    sources=("goodfellow:8.9",),
)
statement(
    "rnn-layer-jacobian-factorisation",
    title="The Jacobian of a recurrent step is a diagonal matrix times the recurrent weights",
    formula=r"\frac{\partial s_t}{\partial s_{t-1}}=\mathrm{diag}\big(h'(a_t)\big)\,\mathbf W",
    sources=("goodfellow:sec 8.2.6",),
)
statement(
    "linear-path-singular-values",
    title="Gradients flow where the singular values of the layers are reasonable",
    formula=(
        r"\prod_l\sigma_{\min}(\mathbf J_l)\,\|\delta\|\le\|\prod_l\mathbf J_l^T\delta\|"
        r"\le\prod_l\sigma_{\max}(\mathbf J_l)\,\|\delta\|"
    ),
    sources=("goodfellow:sec 8.7.4",),
)
statement(
    "long-term-gradient-exponential-decay",
    title="What a contraction remembers decays exponentially with the span",
    formula=(
        r"\|\frac{\partial s_T}{\partial s_t}\|\le\prod_k\|\mathbf J_k\|\le\rho^{T-t},"
        r"\quad\rho<1"
    ),
    sources=("goodfellow:sec 8.2.6",),
)
statement(
    "memory-storage-determinant-condition",
    title="What the Jacobian of a state that is kept must satisfy",
    formula=(
        r"\rho\Big(\frac{\partial s_t}{\partial s_{t-1}}\Big)<1\ \Rightarrow\ "
        r"\Big|\det\frac{\partial s_t}{\partial s_{t-1}}\Big|<1\quad(\text{not conversely})"
    ),
    sources=("goodfellow:sec 8.2.6",),
    erratum="G42: a determinant below 1 is said to suffice; it is necessary alone.",
)
statement(
    "rnn-learning-span-limit",
    title="Plain recurrent networks fail to learn spans above 10 to 20 steps",
    formula=r"\Pr[\text{success}](T)\to0\quad\text{for }T\gtrsim10\text{ to }20",
    sources=("goodfellow:sec 8.2.6",),
    unchecked="a report from experiments whose setting is not given",
)
