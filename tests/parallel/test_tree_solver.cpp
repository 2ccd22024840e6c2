/// A tree cut into pieces has the answer of the whole, after the same iterations.
#include <mpi.h>

#include <catch2/catch.hpp>
#include <random>

#include "dec/solvers/tree_interior_point.hpp"
#include "support/mpi_tree_links.hpp"
#include "support/random_tree.hpp"

using namespace dec;
using testing::RandomTree;

namespace {

// Neighbours mostly stay together.
std::vector<int> random_owners(solvers::TreeProgram const& program, int ranks, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<int> owner(program.vertices.size());
    for (std::size_t j = 0; j < owner.size(); ++j) {
        auto const parent = program.vertices[j].parent;
        bool const stays = random() % 10 < 8;
        int const other = static_cast<int>(random() % static_cast<unsigned>(ranks));
        owner[j] = parent >= 0 && stays ? owner[static_cast<std::size_t>(parent)] : other;
    }
    return owner;
}

}  // namespace

TEST_CASE("pieces of a tree on several ranks go through the iterates of the whole", "[solvers][tree]") {
    int rank = 0, ranks = 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    auto const presolve = GENERATE(false, true);
    for (unsigned seed = 0; seed < 60; ++seed) {
        RandomTree wanted;
        wanted.seed = seed;
        wanted.vertices = 5 + static_cast<int>(seed);
        wanted.roots = seed % 7 == 0 ? 2 : 1;
        wanted.reactive = seed % 2 == 1;
        wanted.sloped = seed % 3 == 1;
        wanted.dense = seed % 5 == 2;
        wanted.ratios = seed % 4 == 3;
        wanted.mixed = seed % 5 == 4;
        wanted.rated = seed % 9 == 4;
        wanted.paired = seed % 4 == 1;
        wanted.groups = seed % 6 == 2   ? RandomTree::Groups::tied
                        : seed % 6 == 5 ? RandomTree::Groups::capped
                                        : RandomTree::Groups::none;
        wanted.stress = 0.3 + 0.2 * (seed % 8);
        auto const whole = testing::random_tree(wanted);
        solvers::TreeSettings settings;
        settings.presolve = presolve;
        solvers::NoLinks none;
        auto const expected = solvers::solve(whole, none, settings);

        auto const pieces = testing::cut(whole, random_owners(whole, ranks, seed), ranks);
        auto const& piece = pieces[static_cast<std::size_t>(rank)];
        testing::MpiTreeLinks links(MPI_COMM_WORLD, piece);
        auto const outcome = solvers::solve(piece.program, links, settings);

        CAPTURE(seed, presolve, ranks);
        REQUIRE(outcome.status == expected.status);
        if (!presolve) CHECK(outcome.iterations == expected.iterations);
        if (expected.status != solvers::TreeStatus::optimal) continue;
        CHECK(outcome.objective == Approx(expected.objective).epsilon(1e-9).margin(1e-9));
        double difference = 0.0;
        for (std::size_t d = 0; d < outcome.u.size(); ++d)
            difference = std::max(difference, std::abs(outcome.u[d] - expected.u[piece.controls[d]]));
        // Cut pieces are reduced otherwise than the whole; polishing leads to the same answer.
        CHECK(difference < 1e-9);
    }
}

namespace {

// Passes everything on, and counts what goes through cuts.
class Counted final : public solvers::TreeLinks {
  public:
    explicit Counted(solvers::TreeLinks& links) : links_{links} {}
    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override {
        numbers_ += width;
        links_.up(level, above, below, width);
    }
    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override {
        numbers_ += width;
        links_.down(level, below, above, width);
    }
    [[nodiscard]] int levels() const override { return links_.levels(); }
    void sum(std::span<double> values) const override { links_.sum(values); }
    void max(std::span<double> values) const override { links_.max(values); }
    [[nodiscard]] std::size_t bytes() const { return sizeof(double) * numbers_; }

  private:
    solvers::TreeLinks& links_;
    std::size_t numbers_ = 0;
};

}  // namespace

TEST_CASE("an iteration sends 360 bytes through a cut of three rows, 648 with two flows each", "[solvers][tree]") {
    int rank = 0, ranks = 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks == 1) return;
    auto const reactive = GENERATE(false, true);
    RandomTree wanted;
    wanted.reactive = reactive;
    wanted.vertices = 40;
    // The first program in which a place of three rows with all flows is cut.
    for (;; ++wanted.seed) {
        REQUIRE(wanted.seed < 200);
        auto const whole = testing::random_tree(wanted);
        // One cut in all, so that each level is passed once.
        auto const cut_below = static_cast<std::size_t>(wanted.vertices) / 2;
        auto const& vertex = whole.vertices[cut_below];
        if (vertex.root || vertex.parent_rows != 3 || vertex.parent_flows != (reactive ? 6 : 3)) continue;
        std::vector<int> owner(whole.vertices.size(), 0);
        for (std::size_t j = cut_below; j < owner.size(); ++j)
            owner[j] = j == cut_below           ? 1
                       : whole.vertices[j].root ? 0
                                                : owner[static_cast<std::size_t>(whole.vertices[j].parent)];

        auto const bytes_until = [&](int iteration) {
            auto const pieces = testing::cut(whole, owner, ranks);
            auto const& piece = pieces[static_cast<std::size_t>(rank)];
            testing::MpiTreeLinks links(MPI_COMM_WORLD, piece);
            Counted counted(links);
            solvers::TreeSettings settings;
            settings.presolve = false;
            auto const outcome = solvers::solve(piece.program, counted, settings, nullptr,
                                                [&](auto const& round) { return round.iteration == iteration; });
            REQUIRE(outcome.status == solvers::TreeStatus::stopped);
            return counted.bytes();
        };
        CAPTURE(wanted.seed);
        CHECK(bytes_until(4) - bytes_until(3) == (reactive ? 648 : 360));
        break;
    }
}
