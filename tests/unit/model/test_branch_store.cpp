/// Branch maps packed against the same maps as they were.
#include <catch2/catch.hpp>
#include <random>

#include "dec/model/branch_store.hpp"

using namespace dec::model;

namespace {

/// A map between the places of two sets, given as bits; a plain one passes everything but for its drop.
BranchMap random_map(std::mt19937& draw, unsigned below, unsigned above, bool plain) {
    std::uniform_real_distribution<double> number{-1.0, 1.0};
    BranchMap map;
    auto const has = [](unsigned bits, Eigen::Index place) {
        return (bits >> static_cast<unsigned>(place % 3) & 1U) != 0;
    };
    for (Eigen::Index r = 0; r < 6; ++r)
        for (Eigen::Index c = 0; c < 6; ++c) {
            if (r < 3 && has(below, r) && has(below, c)) map.drop(r, c) = number(draw);
            if (has(above, r) && has(below, c)) map.lift(r, c) = plain ? (r == c ? 1.0 : 0.0) : number(draw);
            if (r < 3 && c < 3 && has(below, r) && has(above, c))
                map.ratio(r, c) = plain ? (r == c ? 1.0 : 0.0) : number(draw);
        }
    return map;
}

}  // namespace

TEST_CASE("a branch comes out of the store as it went in, and multiplies as if it were whole", "[model][store]") {
    std::mt19937 draw{GENERATE(range(1U, 6U))};
    std::vector<BranchMap> maps;
    BranchStore store;
    for (unsigned below = 0; below < 8; ++below)
        for (unsigned above = 0; above < 8; ++above)
            for (bool const plain : {false, true})
                if (!plain || below == above) maps.push_back(random_map(draw, below, above, plain));
    for (auto const& map : maps) store.add(map);

    REQUIRE(store.size() == maps.size());
    for (std::size_t i = 0; i < maps.size(); ++i) {
        auto const back = store[i];
        Vector3 const v = Vector3::Random();
        Vector6 const s = Vector6::Random();
        CHECK(back.ratio == maps[i].ratio);
        CHECK(back.drop == maps[i].drop);
        CHECK(back.lift == maps[i].lift);
        CHECK((store.voltage(i, v, s) - (maps[i].ratio * v - maps[i].drop * s)).norm() < 1e-14);
        CHECK((store.lifted(i, s) - maps[i].lift * s).norm() < 1e-14);
        CHECK((store.ratio_transposed(i, v) - maps[i].ratio.transpose() * v).norm() < 1e-14);
        CHECK((store.drop_transposed(i, v) - maps[i].drop.transpose() * v).norm() < 1e-14);
        CHECK((store.lift_transposed(i, s) - maps[i].lift.transpose() * s).norm() < 1e-14);
    }
}

TEST_CASE("a line of two phases takes less than a sixth of its whole matrices", "[model][store]") {
    std::mt19937 draw{1};
    BranchStore store;

    store.add(random_map(draw, 3, 3, true));

    CHECK(store.is_plain(0));
    CHECK(6 * store.bytes() < sizeof(BranchMap));
}
