#include "dec/model/branch_store.hpp"

#include <array>

namespace dec::model {

namespace {

using Place = Eigen::Index;

/// Places by their bits.
struct Places {
    std::array<Place, 3> place{};
    Place count = 0;
};

constexpr std::array<Places, 8> places_of_bits = [] {
    std::array<Places, 8> all{};
    for (std::size_t bits = 0; bits < all.size(); ++bits)
        for (Place p = 0; p < 3; ++p)
            if ((bits >> static_cast<unsigned>(p) & 1U) != 0)
                all[bits].place[static_cast<std::size_t>(all[bits].count++)] = p;
    return all;
}();

Places const& places(std::uint8_t bits) { return places_of_bits[bits]; }

/// Calls `visit(row, column)` for each number of a matrix over `rows` x `columns`, column after column; `halves`: once for active
/// and once for reactive power, in places 0-2 and 3-5.
template <class Visit>
void for_each_number(Places const& rows, int row_halves, Places const& columns, int column_halves, Visit&& visit) {
    for (int h = 0; h < column_halves; ++h)
        for (Place c = 0; c < columns.count; ++c)
            for (int g = 0; g < row_halves; ++g)
                for (Place r = 0; r < rows.count; ++r)
                    visit(rows.place[static_cast<std::size_t>(r)] + 3 * g,
                          columns.place[static_cast<std::size_t>(c)] + 3 * h);
}

}  // namespace

double const* BranchStore::ratio_of(Shape const& shape) const {
    auto const n = places(shape.below).count;
    return drop_of(shape) + 2 * n * n;
}

double const* BranchStore::lift_of(Shape const& shape) const {
    return ratio_of(shape) + places(shape.below).count * places(shape.above).count;
}

void BranchStore::add(BranchMap const& map) {
    Shape shape{.first = static_cast<std::int64_t>(numbers_.size())};
    for (Place p = 0; p < 3; ++p) {
        auto const bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(p));
        bool const below = !map.ratio.row(p).isZero(0.0) || !map.drop.row(p).isZero(0.0) ||
                           !map.drop.col(p).isZero(0.0) || !map.drop.col(p + 3).isZero(0.0) ||
                           !map.lift.col(p).isZero(0.0) || !map.lift.col(p + 3).isZero(0.0);
        bool const above =
            !map.ratio.col(p).isZero(0.0) || !map.lift.row(p).isZero(0.0) || !map.lift.row(p + 3).isZero(0.0);
        if (below) shape.below |= bit;
        if (above) shape.above |= bit;
    }
    auto const& below = places(shape.below);
    auto const& above = places(shape.above);
    BranchMap line;
    for (Place k = 0; k < below.count; ++k) {
        auto const p = below.place[static_cast<std::size_t>(k)];
        line.ratio(p, p) = line.lift(p, p) = line.lift(p + 3, p + 3) = 1.0;
    }
    shape.plain = map.ratio == line.ratio && map.lift == line.lift;
    for_each_number(below, 1, below, 2, [&](Place r, Place c) { numbers_.push_back(map.drop(r, c)); });
    if (!shape.plain) {
        for_each_number(below, 1, above, 1, [&](Place r, Place c) { numbers_.push_back(map.ratio(r, c)); });
        for_each_number(above, 2, below, 2, [&](Place r, Place c) { numbers_.push_back(map.lift(r, c)); });
    }
    shapes_.push_back(shape);
}

BranchMap BranchStore::operator[](std::size_t i) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    auto const& above = places(shape.above);
    BranchMap map;
    double const* number = drop_of(shape);
    for_each_number(below, 1, below, 2, [&](Place r, Place c) { map.drop(r, c) = *number++; });
    if (shape.plain) {
        for (Place k = 0; k < below.count; ++k) {
            auto const p = below.place[static_cast<std::size_t>(k)];
            map.ratio(p, p) = map.lift(p, p) = map.lift(p + 3, p + 3) = 1.0;
        }
        return map;
    }
    for_each_number(below, 1, above, 1, [&](Place r, Place c) { map.ratio(r, c) = *number++; });
    for_each_number(above, 2, below, 2, [&](Place r, Place c) { map.lift(r, c) = *number++; });
    return map;
}

Vector3 BranchStore::voltage(std::size_t i, Vector3 const& v, Vector6 const& s) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    Vector3 result = Vector3::Zero();
    if (shape.plain) {
        for (Place k = 0; k < below.count; ++k) {
            auto const p = below.place[static_cast<std::size_t>(k)];
            result(p) = v(p);
        }
    } else {
        double const* number = ratio_of(shape);
        for_each_number(below, 1, places(shape.above), 1, [&](Place r, Place c) { result(r) += *number++ * v(c); });
    }
    double const* number = drop_of(shape);
    for_each_number(below, 1, below, 2, [&](Place r, Place c) { result(r) -= *number++ * s(c); });
    return result;
}

Vector6 BranchStore::lifted(std::size_t i, Vector6 const& s) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    Vector6 result = Vector6::Zero();
    if (shape.plain) {
        for (Place k = 0; k < below.count; ++k) {
            auto const p = below.place[static_cast<std::size_t>(k)];
            result(p) = s(p);
            result(p + 3) = s(p + 3);
        }
        return result;
    }
    double const* number = lift_of(shape);
    for_each_number(places(shape.above), 2, below, 2, [&](Place r, Place c) { result(r) += *number++ * s(c); });
    return result;
}

Vector3 BranchStore::ratio_transposed(std::size_t i, Vector3 const& p) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    Vector3 result = Vector3::Zero();
    if (shape.plain) {
        for (Place k = 0; k < below.count; ++k) {
            auto const at = below.place[static_cast<std::size_t>(k)];
            result(at) = p(at);
        }
        return result;
    }
    double const* number = ratio_of(shape);
    for_each_number(below, 1, places(shape.above), 1, [&](Place r, Place c) { result(c) += *number++ * p(r); });
    return result;
}

Vector6 BranchStore::drop_transposed(std::size_t i, Vector3 const& p) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    Vector6 result = Vector6::Zero();
    double const* number = drop_of(shape);
    for_each_number(below, 1, below, 2, [&](Place r, Place c) { result(c) += *number++ * p(r); });
    return result;
}

Vector6 BranchStore::lift_transposed(std::size_t i, Vector6 const& s) const {
    auto const& shape = shapes_[i];
    auto const& below = places(shape.below);
    if (shape.plain) return lifted(i, s);
    Vector6 result = Vector6::Zero();
    double const* number = lift_of(shape);
    for_each_number(places(shape.above), 2, below, 2, [&](Place r, Place c) { result(c) += *number++ * s(r); });
    return result;
}

}  // namespace dec::model
