/// \file branch_store.hpp
/// The branch maps of many vertices in little memory: rows and columns that exist, and of a plain line its drop alone.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/model/branch_block.hpp"

namespace dec::model {

/// Maps by position. A product reads only what is stored; places that a branch does not have are zero in it, whatever stands there
/// in the factor.
class BranchStore {
  public:
    /// Adds one at the end.
    void add(BranchMap const& map);
    void reserve(std::size_t maps) { shapes_.reserve(maps); }
    [[nodiscard]] std::size_t size() const { return shapes_.size(); }
    /// Bytes of what is stored.
    [[nodiscard]] std::size_t bytes() const {
        return shapes_.size() * sizeof(Shape) + numbers_.size() * sizeof(double);
    }
    /// The map as it was added.
    [[nodiscard]] BranchMap operator[](std::size_t i) const;
    /// R is one and L is one on the places the branch has: voltages pass but for the drop, powers unchanged.
    [[nodiscard]] bool is_plain(std::size_t i) const { return shapes_[i].plain; }

    /// R v - M s: the voltage below from that above and the power that arrives below.
    [[nodiscard]] Vector3 voltage(std::size_t i, Vector3 const& v, Vector6 const& s) const;
    /// L s: the power drawn above.
    [[nodiscard]] Vector6 lifted(std::size_t i, Vector6 const& s) const;
    /// R^T p, M^T p, L^T s: the same transposed.
    [[nodiscard]] Vector3 ratio_transposed(std::size_t i, Vector3 const& p) const;
    [[nodiscard]] Vector6 drop_transposed(std::size_t i, Vector3 const& p) const;
    [[nodiscard]] Vector6 lift_transposed(std::size_t i, Vector6 const& s) const;

  private:
    /// The places that occur, as bits, and where the numbers are: M (n x 2n), then unless plain R (n x m), L (2m x 2n), column
    /// after column, of n places below and m above.
    struct Shape {
        std::int64_t first = 0;
        std::uint8_t below = 0, above = 0;
        bool plain = false;
    };
    [[nodiscard]] double const* drop_of(Shape const& shape) const { return numbers_.data() + shape.first; }
    [[nodiscard]] double const* ratio_of(Shape const& shape) const;
    [[nodiscard]] double const* lift_of(Shape const& shape) const;

    std::vector<Shape> shapes_;
    std::vector<double> numbers_;
};

}  // namespace dec::model
