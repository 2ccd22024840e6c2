/// \file phasor_circuit.hpp
/// Steady-state phasors of a small circuit by nodal analysis with nothing neglected: the truth that the linear model is
/// held against. SI. Transformers by their primitive matrices, Y_w = A' Z_B^-1 A.
/// Source: Dugan, "A perspective on transformer modeling for distribution system analysis", IEEE PES GM 2003.
#pragma once

#include <Eigen/Dense>
#include <complex>
#include <functional>
#include <vector>

namespace dec::test {

class PhasorCircuit {
  public:
    using Complex = std::complex<double>;
    using Node = Eigen::Index;
    static constexpr Node ground = -1;
    /// Two nodes between which something is connected.
    struct Port {
        Node plus = ground, minus = ground;
    };

    Node node();
    /// Ideal voltage to ground.
    void fix(Node node, Complex volts);
    /// Coupled impedances, ohm, conductor by conductor.
    void series(std::vector<Node> const& from, std::vector<Node> const& to, Eigen::MatrixXcd const& z_ohm);
    void shunt(Port port, Complex siemens);
    /// Windings of one core. \param z_ohm short-circuit impedances between windings i < j, ohm at winding i's rated volts.
    void windings(std::vector<Port> const& ports, std::vector<double> const& rated_v,
                  std::function<Complex(std::size_t, std::size_t)> const& z_ohm);
    /// Draws a power that may depend on the voltage across the port, VA of V.
    void draw(Port port, std::function<Complex(double)> power);
    void draw(Port port, Complex va) {
        draw(port, [va](double) { return va; });
    }

    /// Fixed point of current injections until voltages stand still; fails the test if they do not.
    void solve();
    [[nodiscard]] Complex voltage(Port port) const { return at(port.plus) - at(port.minus); }
    /// Power that a fixed node delivers to the circuit.
    [[nodiscard]] Complex delivered(Node fixed) const;

  private:
    struct Stamp {
        Node row, column;
        Complex value;
    };
    struct Draw {
        Port port;
        std::function<Complex(double)> power;
    };
    void stamp(std::vector<Node> const& nodes, Eigen::MatrixXcd const& y);
    [[nodiscard]] Complex at(Node node) const { return node == ground ? Complex{} : volts_[node]; }
    [[nodiscard]] Eigen::MatrixXcd admittance() const;

    Node nodes_ = 0;
    std::vector<Stamp> stamps_;
    std::vector<std::pair<Node, Complex>> fixed_;
    std::vector<Draw> draws_;
    Eigen::VectorXcd volts_;
};

}  // namespace dec::test
