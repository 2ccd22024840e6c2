/// A tree cut at more places: the same answer, and each side needs of the other only what passed the cut.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "dec/solvers/tree_cuts.hpp"
#include "support/random_tree.hpp"

using namespace dec::solvers;

namespace {

/// Of every kind that has no groups.
TreeProgram random_program(unsigned seed) {
    return dec::testing::random_tree({.seed = seed,
                                      .vertices = 40,
                                      .roots = 1 + static_cast<int>(seed % 2),
                                      .reactive = seed % 3 == 0,
                                      .sloped = seed % 4 == 1,
                                      .dense = seed % 5 == 2,
                                      .ratios = seed % 2 == 0,
                                      .mixed = seed % 7 == 3,
                                      .rated = seed % 3 == 1,
                                      .paired = seed % 4 == 3});
}

/// Vertices at random, none below another.
std::vector<std::int32_t> random_tops(TreeProgram const& program, unsigned seed) {
    std::mt19937 random{seed};
    std::vector<char> below(program.vertices.size(), 0);
    std::vector<std::int32_t> tops;
    for (std::size_t j = 0; j < below.size(); ++j) {
        auto const parent = program.vertices[j].parent;
        if (parent < 0) continue;
        below[j] = below[static_cast<std::size_t>(parent)];
        if (below[j] != 0 || random() % 4 != 0) continue;
        below[j] = 1;
        tops.push_back(static_cast<std::int32_t>(j));
    }
    return tops;
}

using Numbers = std::vector<double>;

/// Keeps all that comes up and goes down over the own cuts, and what all agree on.
class Transcript final : public CutLinks {
  public:
    using CutLinks::CutLinks;
    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override {
        CutLinks::up(level, above, below, width);
        came_up.emplace_back(below.begin(), below.end());
    }
    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override {
        CutLinks::down(level, below, above, width);
        went_down.emplace_back(below.begin(), below.end());
    }
    void sum(std::span<double> values) const override { agreed.emplace_back(values.begin(), values.end()); }
    void max(std::span<double> values) const override { agreed.emplace_back(values.begin(), values.end()); }

    std::vector<Numbers> came_up, went_down;
    mutable std::vector<Numbers> agreed;
};

/// Says to the upper part what a transcript says, and compares what it answers.
class Replay final : public TreeLinks {
  public:
    explicit Replay(Transcript const& heard) : heard_{heard} {}
    void up(int, std::span<double const>, std::span<double> below, std::size_t) override {
        auto const& row = heard_.came_up.at(ups_++);
        REQUIRE(row.size() == below.size());
        std::ranges::copy(row, below.begin());
    }
    void down(int, std::span<double const> below, std::span<double>, std::size_t) override {
        auto const& row = heard_.went_down.at(downs_++);
        REQUIRE(row.size() == below.size());
        for (std::size_t i = 0; i < row.size(); ++i) difference = std::max(difference, std::abs(row[i] - below[i]));
    }
    [[nodiscard]] int levels() const override { return 2; }
    void sum(std::span<double> values) const override {
        std::ranges::copy(heard_.agreed.at(agreed_++), values.begin());
    }
    void max(std::span<double> values) const override {
        std::ranges::copy(heard_.agreed.at(agreed_++), values.begin());
    }
    [[nodiscard]] bool is_over() const {
        return ups_ == heard_.came_up.size() && downs_ == heard_.went_down.size() && agreed_ == heard_.agreed.size();
    }
    double difference = 0.0;

  private:
    Transcript const& heard_;
    std::size_t ups_ = 0, downs_ = 0;
    mutable std::size_t agreed_ = 0;
};

/// The part above all cuts, with nothing of what is below.
TreeProgram upper_part(CutProgram const& cut) {
    auto upper = cut.program;
    auto const vertices = static_cast<std::size_t>(upper.level_start[1]);
    upper.vertices.resize(vertices);
    upper.level_start = {0, static_cast<std::int32_t>(vertices)};
    std::size_t rows = 0, controls = 0;
    for (auto const& vertex : upper.vertices) {
        rows += vertex.rows;
        controls += static_cast<std::size_t>(vertex.controls);
    }
    upper.low.resize(rows);
    upper.high.resize(rows);
    upper.controls.resize(controls);
    std::erase_if(upper.flow_limits, [&](auto const& limit) { return limit.vertex >= upper.level_start[1]; });
    std::erase_if(upper.pair_limits,
                  [&](auto const& limit) { return static_cast<std::size_t>(limit.control) >= controls; });
    upper.above.clear();
    return upper;
}

}  // namespace

TEST_CASE("cuts anywhere in a tree change no answer", "[solvers][cuts]") {
    auto const seed = GENERATE(range(0U, 60U));
    auto const program = random_program(seed);
    auto const tops = random_tops(program, seed);
    TreeSettings const settings{.presolve = false};
    NoLinks alone;
    CAPTURE(seed, tops.size());

    auto const cut = cut_above(program, tops);
    CutLinks links{alone, cut};
    auto const whole = solve(program, alone, settings);
    auto const parts = in_given_order(cut, solve(cut.program, links, settings));

    REQUIRE(parts.status == whole.status);
    if (whole.status != TreeStatus::optimal) return;
    CHECK(parts.objective == Approx(whole.objective).epsilon(1e-9).margin(1e-12));
    for (std::size_t i = 0; i < whole.u.size(); ++i) CHECK(parts.u[i] == Approx(whole.u[i]).margin(1e-6));
    for (std::size_t i = 0; i < whole.state.size(); ++i) CHECK(parts.state[i] == Approx(whole.state[i]).margin(1e-8));
}

TEST_CASE("what is above a cut finds the same answer from nothing but the messages of what is below",
          "[solvers][cuts]") {
    auto const seed = GENERATE(range(0U, 60U));
    auto const program = random_program(seed);
    auto const cut = cut_above(program, random_tops(program, seed));
    TreeSettings const settings{.presolve = false};
    NoLinks alone;
    Transcript heard{alone, cut};
    auto const whole = solve(cut.program, heard, settings);
    CAPTURE(seed, cut.own.size());

    Replay replay{heard};
    auto const upper = solve(upper_part(cut), replay, settings);

    CHECK(replay.is_over());
    CHECK(replay.difference == 0.0);
    CHECK(upper.status == whole.status);
    CHECK(upper.iterations == whole.iterations);
    CHECK(std::ranges::equal(upper.u, std::span{whole.u}.first(upper.u.size())));
    CHECK(std::ranges::equal(upper.state, std::span{whole.state}.first(upper.state.size())));
    CHECK(std::ranges::equal(upper.price_high, std::span{whole.price_high}.first(upper.price_high.size())));
}
