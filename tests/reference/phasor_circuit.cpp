#include "reference/phasor_circuit.hpp"

#include <catch2/catch.hpp>

namespace dec::test {

PhasorCircuit::Node PhasorCircuit::node() { return nodes_++; }

void PhasorCircuit::fix(Node node, Complex volts) { fixed_.emplace_back(node, volts); }

void PhasorCircuit::stamp(std::vector<Node> const& nodes, Eigen::MatrixXcd const& y) {
    for (std::size_t i = 0; i < nodes.size(); ++i)
        for (std::size_t k = 0; k < nodes.size(); ++k)
            if (nodes[i] != ground && nodes[k] != ground)
                stamps_.push_back({nodes[i], nodes[k], y(static_cast<Node>(i), static_cast<Node>(k))});
}

void PhasorCircuit::series(std::vector<Node> const& from, std::vector<Node> const& to, Eigen::MatrixXcd const& z_ohm) {
    Eigen::MatrixXcd const y = z_ohm.inverse();
    auto const n = y.rows();
    Eigen::MatrixXcd both(2 * n, 2 * n);
    both << y, -y, -y, y;
    auto nodes = from;
    nodes.insert(nodes.end(), to.begin(), to.end());
    stamp(nodes, both);
}

void PhasorCircuit::shunt(Port port, Complex siemens) {
    Eigen::Matrix2cd y;
    y << siemens, -siemens, -siemens, siemens;
    stamp({port.plus, port.minus}, y);
}

void PhasorCircuit::windings(std::vector<Port> const& ports, std::vector<double> const& rated_v,
                             std::function<Complex(std::size_t, std::size_t)> const& z_ohm) {
    auto const n = static_cast<Eigen::Index>(ports.size());
    // On windings of one volt each; the first winding is the one all tests refer to.
    auto const test = [&](Eigen::Index i, Eigen::Index k) {
        auto const a = static_cast<std::size_t>(std::min(i, k));
        auto const b = static_cast<std::size_t>(std::max(i, k));
        return a == b ? Complex{} : z_ohm(a, b) / (rated_v[a] * rated_v[a]);
    };
    Eigen::MatrixXcd z(n - 1, n - 1);
    for (Eigen::Index i = 1; i < n; ++i)
        for (Eigen::Index k = 1; k < n; ++k) z(i - 1, k - 1) = 0.5 * (test(0, i) + test(0, k) - test(i, k));
    Eigen::MatrixXcd incidence = Eigen::MatrixXcd::Zero(n - 1, 2 * n);
    std::vector<Node> nodes;
    for (Eigen::Index w = 0; w < n; ++w) {
        auto const i = static_cast<std::size_t>(w);
        nodes.push_back(ports[i].plus);
        nodes.push_back(ports[i].minus);
        for (Eigen::Index k = 1; k < n; ++k) {
            double const sign = w == 0 ? 1.0 : w == k ? -1.0 : 0.0;
            incidence(k - 1, 2 * w) = sign / rated_v[i];
            incidence(k - 1, 2 * w + 1) = -sign / rated_v[i];
        }
    }
    stamp(nodes, incidence.transpose() * z.inverse() * incidence);
}

void PhasorCircuit::draw(Port port, std::function<Complex(double)> power) {
    draws_.push_back({port, std::move(power)});
}

Eigen::MatrixXcd PhasorCircuit::admittance() const {
    Eigen::MatrixXcd y = Eigen::MatrixXcd::Zero(nodes_, nodes_);
    for (auto const& s : stamps_) y(s.row, s.column) += s.value;
    return y;
}

void PhasorCircuit::solve() {
    auto system = admittance();
    for (auto const& [node, volts] : fixed_) {
        system.row(node).setZero();
        system(node, node) = 1.0;
    }
    Eigen::FullPivLU<Eigen::MatrixXcd> const factors{system};
    volts_ = Eigen::VectorXcd::Zero(nodes_);
    for (int round = 0; round < 500; ++round) {
        Eigen::VectorXcd current = Eigen::VectorXcd::Zero(nodes_);
        for (auto const& draw : draws_) {
            auto const v = voltage(draw.port);
            if (v == Complex{}) continue;  // the first round has no voltages yet
            auto const i = std::conj(draw.power(std::abs(v)) / v);
            if (draw.port.plus != ground) current[draw.port.plus] -= i;
            if (draw.port.minus != ground) current[draw.port.minus] += i;
        }
        for (auto const& [node, volts] : fixed_) current[node] = volts;
        Eigen::VectorXcd const next = factors.solve(current);
        double const moved = (next - volts_).cwiseAbs().maxCoeff();
        volts_ = next;
        // less is lost in the rounding of factors that hold both ohms and megohms
        if (round > 1 && moved <= 1e-12 * volts_.cwiseAbs().maxCoeff()) return;
    }
    FAIL("the phasor circuit does not settle");
}

PhasorCircuit::Complex PhasorCircuit::delivered(Node fixed) const {
    auto const y = admittance();
    return volts_[fixed] * std::conj(Complex{(y.row(fixed) * volts_)(0)});
}

}  // namespace dec::test
