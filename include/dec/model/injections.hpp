/// \file injections.hpp
/// What loads, capacitors, batteries, machines and photovoltaics draw at a bus, linear in its squared voltages and in the
/// curtailment. Per unit; power drawn is positive.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "dec/feeder/per_unit.hpp"
#include "dec/model/phase_algebra.hpp"
#include "dec/partition/piece.hpp"

namespace dec::model {

/// s = constant + slope v, with nothing curtailed.
struct Injection {
    Vector6 constant = Vector6::Zero();
    Matrix63 slope = Matrix63::Zero();
};

/// One photovoltaic system: curtailing all of it adds `full` to what its bus draws.
struct Der {
    std::int32_t vertex = -1;        ///< own vertex; -1 where its bus is not energised
    double available = 0.0;          ///< pu; 0 takes no part
    Vector6 full = Vector6::Zero();  ///< available times its share per phase, both directions between phases
    double rated = 0.0;              ///< apparent power, pu; 0 where the file has none
    /// One pu of reactive power drawn, shared by its phases like its active power, and what it draws in the file.
    Vector6 per_reactive = Vector6::Zero(), own_reactive = Vector6::Zero();
    double reactive = 0.0;  ///< injected in the file, pu
};

/// What a load draws near some voltages, pu, in places A, B, C or s1, s2, -: constant + slope v, v the squared voltage across the part
/// in pu of what balanced voltages of 1 pu give.
struct LoadPoint {
    std::array<std::complex<double>, 3> constant{}, slope{};
};

/// Of many vertices, by position; hardly any answers to voltages.
class Injections {
  public:
    explicit Injections(std::size_t vertices = 0) : constant_(6 * vertices, 0.0), slope_row_(vertices, -1) {}
    [[nodiscard]] std::size_t size() const { return slope_row_.size(); }
    [[nodiscard]] Eigen::Map<Vector6 const> constant(std::size_t i) const {
        return Eigen::Map<Vector6 const>{constant_.data() + 6 * i};
    }
    /// Null where nothing there answers to voltages.
    [[nodiscard]] Matrix63 const* slope(std::size_t i) const {
        return slope_row_[i] < 0 ? nullptr : &slopes_[static_cast<std::size_t>(slope_row_[i])];
    }
    [[nodiscard]] Injection operator[](std::size_t i) const {
        return {constant(i), slope(i) == nullptr ? Matrix63{Matrix63::Zero()} : *slope(i)};
    }
    void add(std::size_t i, Injection const& more);

  private:
    std::vector<double> constant_;  // 6 per vertex
    std::vector<std::int32_t> slope_row_;
    std::vector<Matrix63> slopes_;
};

/// One entry per own vertex of the piece. \param loads one per row of the piece's loads; none: near nominal voltage.
[[nodiscard]] Injections injections(partition::Piece const& piece, feeder::PerUnit const& pu,
                                    std::span<LoadPoint const> loads = {});
/// One entry per row of the piece's pv_systems.
[[nodiscard]] std::vector<Der> ders(partition::Piece const& piece, feeder::PerUnit const& pu);

}  // namespace dec::model
