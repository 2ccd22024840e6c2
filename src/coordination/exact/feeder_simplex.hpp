/// \file feeder_simplex.hpp
/// One linear objective after the other over the DERs' shares, exactly: a primal simplex method that walks from vertex to vertex of
/// what the voltage limits allow. Shares stay on their ranks; only limits that are met have a row, found by one transposed power
/// flow, and a step is checked against all limits by one power flow. docs/equations.md#levels.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../marginal_prices.hpp"
#include "dec/coordination/piece_links.hpp"

namespace dec::coordination {

/// Shares lie between 0 and `upper`; under `minimise_cap` below a common cap as well, which is what is minimised. Every answer is one
/// of the last objective among those of the objectives before. All functions are collective and return the same on all ranks.
class FeederSimplex {
  public:
    using Watch = std::function<bool(std::vector<double> const& alpha)>;

    /// \param upper per row of pv_systems; 0 where nothing is to be decided. \param alpha shares that keep the limits: where it begins.
    /// \param capped with a cap, which begins at the largest share. \param watch sees the shares after every `steps_between` steps, on all
    /// ranks alike; true asks for a stop. Keeps references to all but the shares.
    FeederSimplex(core::Communicator const& comm, model::LinDist3Flow& flow, PieceLinks const& links,
                  std::span<Node const> nodes, MarginalPrices& prices, std::vector<double> upper,
                  std::vector<double> alpha, bool capped, Watch watch);
    static constexpr std::int64_t steps_between = 100;

    /// Moves on to where prices of the limits, per node, say that the smallest cap is: they need not be exact. \return false, with all as
    /// it was, if the limits do not hold there. \pre with a cap, before anything else.
    bool begin_at(std::vector<double> const& low, std::vector<double> const& high);
    /// \return false if it was stopped, or gave up: after too many steps, or with more limits met at once than a dense system should have.
    [[nodiscard]] bool minimise_cap();
    /// The sum of cost times share. \pre without a cap.
    [[nodiscard]] bool minimise(std::vector<double> const& cost);
    /// The sum of weight times squared share, where weights > 0; the last objective there can be. \return false, with the shares as they
    /// were, if it was not found.
    [[nodiscard]] bool minimise_squares(std::vector<double> const& weights);
    /// Fixes what is the same in all answers to the objective minimised last; later objectives choose among those answers.
    /// \return per row of pv_systems whether it has been fixed by this.
    std::vector<char> settle();

    [[nodiscard]] std::vector<double> const& alpha() const { return alpha_; }
    [[nodiscard]] double cap() const { return cap_; }
    [[nodiscard]] bool is_open(std::size_t der) const { return place_[der] != Place::fixed; }
    /// Between the last linear objective and the bound on it that its prices prove, relative.
    [[nodiscard]] double gap() const;
    /// Per node: what one more pu^2 of its limits would take off the objective minimised last.
    void prices(std::vector<double>& low, std::vector<double>& high) const;

  private:
    /// `between`: at no bound, and not in the basis; `hanging`: the same, and moving with the cap.
    enum class Place : std::uint8_t { fixed, lower, upper, cap, basic, between, hanging };
    enum class Event : std::uint8_t { none, arrived, lower, upper, cap, high_limit, low_limit, follows_cap, no_cap };
    /// A limit that is met. Effects of the shares of this rank on it and its voltage are divided by the largest effect on any rank.
    struct Row {
        std::ptrdiff_t node = -1;  // of this rank, or -1
        bool high = true;
        bool held = false;  // stays met for good
        double scale = 1.0, limit = 0.0;
        std::vector<double> effect;
    };
    /// Who moves, besides those who have to follow.
    struct Movers {
        bool all_between = false;
        std::ptrdiff_t der = -1;  // of this rank, or -1
        std::ptrdiff_t row = -1;
        bool single_der = false;  // on some rank
        bool cap = false;
        double sign = 1.0;
    };
    struct Block {
        Event event = Event::none;
        double step = 0.0;
        std::ptrdiff_t index = -1;  // DER or node of the rank it is on, else -1
        std::ptrdiff_t slot = -1;
    };

    struct Candidate {
        double value = 0.0;      // the larger the better; 0 is none
        std::int64_t order = 0;  // in the feeder
    };
    struct Choice {
        double value = 0.0;
        std::ptrdiff_t index = -1;
    };

    [[nodiscard]] static bool is_limit(Event event) { return event == Event::high_limit || event == Event::low_limit; }
    [[nodiscard]] std::int64_t order_of(std::size_t der) const { return flow_.piece().global.pv_systems[der]; }
    [[nodiscard]] Choice choose(std::span<Candidate const> candidates) const;
    [[nodiscard]] std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(rows_.size()); }
    [[nodiscard]] bool is_between(std::size_t d) const { return place_[d] >= Place::between; }
    [[nodiscard]] bool under_cap(std::size_t d) const { return place_[d] == Place::cap || place_[d] == Place::hanging; }
    [[nodiscard]] bool cap_is_basic() const { return cap_slot_ >= 0; }
    [[nodiscard]] double ceiling(std::size_t d) const { return capped_ ? std::min(cap_, upper_[d]) : upper_[d]; }
    [[nodiscard]] double room(Row const& row) const;
    [[nodiscard]] double aim(std::size_t d) const;

    void find_state();
    void refactor();
    void refine();
    [[nodiscard]] bool walk();
    [[nodiscard]] bool find_improvement(Movers& movers);
    [[nodiscard]] bool move(Movers movers);
    void find_direction(Movers const& movers);
    [[nodiscard]] Block find_block(Movers const& movers);
    void take(double step);
    [[nodiscard]] bool pivot(Movers& movers, Block const& block);
    void choose_entering(Movers const& movers, Block const& block, Row const* row, std::ptrdiff_t& der, bool& cap);
    void enter(std::ptrdiff_t der, bool cap, std::ptrdiff_t slot);
    void drop(std::ptrdiff_t row, std::ptrdiff_t slot);
    [[nodiscard]] Row make_row(Block const& block);
    void find_prices();
    void forget(Row const& row);

    [[nodiscard]] std::vector<Row> priced_limits(std::vector<double> const& low, std::vector<double> const& high);
    void press(std::vector<double> const& low, std::vector<double> const& high);
    void choose_basis(std::vector<Row> const& limits);

    struct Squares;
    void evaluate(std::vector<double> const& weight, std::vector<double> const& from, Eigen::VectorXd const& rooms,
                  Squares& at) const;
    [[nodiscard]] bool balance(std::vector<double> const& weight, std::vector<double> const& from,
                               Eigen::VectorXd const& rooms, Squares& at) const;

    // Dense systems are larger than this only where the tree's own elimination is the better way.
    static constexpr std::size_t most_rows = 500;

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    PieceLinks const& links_;
    std::span<Node const> nodes_;
    MarginalPrices& prices_;
    std::vector<double> upper_, alpha_, cost_;
    std::vector<Place> place_;
    std::vector<std::ptrdiff_t> slot_;  // of basic shares: column of the basis
    bool capped_;
    Watch watch_;
    double cap_ = 0.0;
    std::ptrdiff_t cap_slot_ = -1;
    std::vector<Row> rows_;
    std::vector<char> met_;  // per node: 1 its upper, 2 its lower limit has a row or follows from those that have
    Eigen::PartialPivLU<Eigen::MatrixXd> basis_;
    Eigen::VectorXd price_;  // per row
    std::vector<double> reduced_,
        noise_;                 // per DER: derivative of the objective along it, and what of that is rounding
    std::vector<double> rate_;  // per DER, of the direction
    double cap_rate_ = 0.0;
    model::FlowState state_, change_;
    std::vector<double> voltage_, rate_of_node_;  // per node, of these two
    std::int64_t steps_ = 0, most_steps_ = 0, idle_ = 0;
};

}  // namespace dec::coordination
