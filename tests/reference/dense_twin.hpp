/// \file dense_twin.hpp
/// The naive twin of the distributed linear power flow: the same feeder, every branch derived a second time (from phasors or
/// from the formulas written out), all of it in one dense linear system in kV and kVA. For small feeders.
/// Not known to it: open-delta banks and transformers in parallel.
#pragma once

#include <Eigen/Dense>
#include <Eigen/SparseLU>
#include <complex>
#include <optional>
#include <string>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::test {

/// One bus and phase of the feeder's table of nodes as its limits see it.
struct TwinNode {
    std::string name;      ///< "bus.A", line to line "bus.AB"
    bool limited = false;  ///< energised, and its voltage means something
};

class DenseTwin {
  public:
    explicit DenseTwin(feeder::Feeder const& feeder, std::optional<double> source_voltage_pu = {});

    /// Squared voltages per node in the feeder's order, pu; NaN where not energised.
    [[nodiscard]] Eigen::VectorXd v_sq(std::vector<double> const& alpha) const;
    /// The same as limits see them: line to line behind a floating delta; NaN where there is no limit.
    [[nodiscard]] Eigen::VectorXd seen(std::vector<double> const& alpha) const;
    /// kVA that enter every node from above; zero where not energised.
    [[nodiscard]] std::vector<std::complex<double>> into(std::vector<double> const& alpha) const;
    [[nodiscard]] std::vector<TwinNode> const& nodes() const { return nodes_; }
    /// kW per PV system; zero where its bus is not energised.
    [[nodiscard]] std::vector<double> const& available_kw() const { return available_; }
    [[nodiscard]] feeder::Feeder const& feeder() const { return feeder_; }

  private:
    using Complex = std::complex<double>;
    /// Three places A, B, C or s1, s2, -; v_down = ratio v_up - drop s, s_up = lift s (P in 0-2, Q in 3-5).
    struct Edge {
        int up = 0, down = 0;
        feeder::PhaseSet phases;  ///< downstream
        bool by_pairs = false;    ///< rows of ratio and drop stand for the means of downstream pairs AB, BC, CA
        Eigen::Matrix3d ratio = Eigen::Matrix3d::Zero();
        Eigen::Matrix<double, 3, 6> drop = Eigen::Matrix<double, 3, 6>::Zero();
        Eigen::Matrix<double, 6, 6> lift = Eigen::Matrix<double, 6, 6>::Zero();
    };
    struct Place {
        feeder::PhaseSet phases;
        bool floating = false;
        Eigen::Matrix<double, 6, 1> constant = Eigen::Matrix<double, 6, 1>::Zero();
        Eigen::Matrix<double, 6, 3> slope = Eigen::Matrix<double, 6, 3>::Zero();
    };

    void grow();
    bool try_series(int from, int to, feeder::PhaseSet phases, Eigen::Matrix3cd const& z_ohm);
    bool try_unit(feeder::Index<feeder::Transformer> id);
    bool try_star(feeder::Index<feeder::Transformer> id);
    void single_coil(feeder::Transformer const& unit, std::array<double, 3> const& volts, std::size_t up,
                     std::size_t down);
    void centre_tap(feeder::Transformer const& unit, std::array<double, 3> const& volts);
    void three_phases(feeder::Transformer const& unit, std::array<double, 3> const& volts, std::size_t up,
                      std::size_t down);
    void see_upstream(Edge& edge, feeder::Transformer const& unit, std::size_t up, int row, double turns_sq) const;
    std::array<double, 3> tapped_volts(feeder::Index<feeder::Transformer> id) const;
    void add(Edge const& edge, bool floating);
    void add_device(feeder::Index<feeder::Bus> bus, feeder::Connection connection, feeder::Phase phase, Complex kva,
                    std::array<double, 2> exponents);
    void place_devices();
    void assemble();
    [[nodiscard]] Eigen::VectorXd solution(std::vector<double> const& alpha) const;

    feeder::Feeder const& feeder_;
    std::vector<Place> places_;  // buses, star points, the ideal source
    std::vector<Edge> edges_;
    double source_kv_sq_ = 0.0;
    std::vector<TwinNode> nodes_;
    std::vector<std::array<int, 3>> v_at_;  // column of a place's squared voltage
    std::vector<std::array<int, 3>> s_at_;  // column of an edge's P; Q follows
    std::vector<double> available_;
    std::vector<Eigen::Matrix<double, 6, 1>> full_;  // drawn more if all of a PV system is curtailed
    Eigen::SparseMatrix<double> system_;             // it is mostly zeros
    Eigen::SparseLU<Eigen::SparseMatrix<double>> factors_;
    Eigen::VectorXd constant_;
    Eigen::MatrixXd per_der_;
};

}  // namespace dec::test
