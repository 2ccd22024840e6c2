#include "reference_optimum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "dec/solvers/interior_point.hpp"
#include "naming.hpp"
#include "record.hpp"

namespace dec::coordination {

namespace {

using solvers::Index;

/// Largest violation that ends the search, pu^2.
constexpr double holds = 1e-8;
/// Limits added per round; more would make programs larger than they need to be.
constexpr std::size_t most_rows = 32;
constexpr int most_rounds = 200;

/// One limit of one node in the program: effect x <= room.
struct Row {
    std::int64_t node = 0;  // of the whole feeder
    bool high = true;
    double room = 0.0;
    solvers::Vector effect;
    std::string name;
};

class RowGeneration {
  public:
    RowGeneration(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                  fairness::Scope scope, Answer const& near)
        : comm_{comm}, flow_{flow}, policy_{policy}, near_{near}, alpha_(near.alpha.size(), 0.0) {
        number_shares(scope);
    }

    ReferenceOptimum find() {
        ReferenceOptimum result;
        if (available_.size() > most_shares) return result;
        add_rows(near_.curtailed, -near_.at_limit);
        solvers::Vector x = solvers::Vector::Zero(static_cast<Index>(available_.size()));
        for (int round = 0; round < most_rounds; ++round) {
            if (!rows_.empty()) {
                auto const outcome = solve();
                if (outcome.status == solvers::Status::primal_infeasible) {
                    result.conflicts = conflicts(outcome);
                    return result;
                }
                if (outcome.status != solvers::Status::optimal) return result;
                x = outcome.x;
            }
            for (std::size_t d = 0; d < alpha_.size(); ++d)
                if (share_of_der_[d] >= 0) alpha_[d] = x(share_of_der_[d]);
            model::FlowState state;
            flow_.solve(alpha_, state);
            if (add_rows(state, holds)) continue;
            result.objective = objective(x);
            return result;
        }
        return result;
    }

  private:
    /// A share per DER, or per agent; those without available power have none.
    void number_shares(fairness::Scope scope) {
        auto const& piece = flow_.piece();
        std::vector<double> keys, power;
        for (std::size_t d = 0; d < alpha_.size(); ++d) {
            auto const& der = flow_.ders()[d];
            if (der.vertex < 0 || der.available <= 0.0) continue;
            auto const agent = piece.vertices[static_cast<std::size_t>(der.vertex)].agent;
            keys.push_back(!policy_.shared_fraction ? static_cast<double>(piece.global.pv_systems[d])
                           : scope == fairness::Scope::agent
                               ? static_cast<double>(piece.agent_row[static_cast<std::size_t>(agent)])
                               : 0.0);
            power.push_back(flow_.settings().per_unit.power_si(der.available) / 1000.0);
        }
        auto const all_keys = comm_.all_gather(keys);
        auto const all_power = comm_.all_gather(power);
        std::map<double, std::int32_t> shares;
        for (double const key : all_keys) shares.emplace(key, 0);
        std::int32_t next = 0;
        for (auto& [key, share] : shares) share = next++;
        available_.assign(shares.size(), 0.0);
        for (std::size_t i = 0; i < all_keys.size(); ++i) {
            share_of_all_.push_back(shares[all_keys[i]]);
            available_[static_cast<std::size_t>(share_of_all_.back())] += all_power[i];
        }
        share_of_der_.assign(alpha_.size(), -1);
        std::size_t next_key = 0;
        for (std::size_t d = 0; d < alpha_.size(); ++d)
            if (flow_.ders()[d].vertex >= 0 && flow_.ders()[d].available > 0.0)
                share_of_der_[d] = shares[keys[next_key++]];
    }

    /// Adds the limits that are violated by more than `least`, the worst first. Collective. \return whether there were any.
    bool add_rows(model::FlowState const& state, double least) {
        // The worst of each agent of this rank: neighbours say much the same.
        auto const& piece = flow_.piece();
        auto const badness = violations(piece, near_.nodes, state);
        std::vector<std::pair<double, std::int32_t>> worst(piece.agents.size(), {least, -1});
        for (std::size_t i = 0; i < badness.size(); ++i) {
            auto& of_agent =
                worst[static_cast<std::size_t>(piece.vertices[static_cast<std::size_t>(near_.nodes[i].vertex)].agent)];
            if (badness[i] > of_agent.first) of_agent = {badness[i], static_cast<std::int32_t>(i)};
        }
        std::vector<double> found;  // violation, row in the feeder, rank, node here
        for (auto const& [value, node] : worst)
            if (node >= 0)
                found.insert(found.end(), {value, static_cast<double>(near_.nodes[static_cast<std::size_t>(node)].row),
                                           static_cast<double>(comm_.rank()), static_cast<double>(node)});
        struct Candidate {
            double violation, row;
            int rank;
            std::size_t node;
        };
        std::vector<Candidate> candidates;
        auto const all = comm_.all_gather(found);
        for (std::size_t i = 0; i < all.size(); i += 4)
            candidates.push_back(
                {all[i], all[i + 1], static_cast<int>(all[i + 2]), static_cast<std::size_t>(all[i + 3])});
        std::ranges::sort(candidates, [](auto const& a, auto const& b) {
            return a.violation != b.violation ? a.violation > b.violation : a.row < b.row;
        });
        candidates.resize(std::min(candidates.size(), most_rows));
        for (auto const& c : candidates) add_row(c.rank, c.node, state);
        return !candidates.empty();
    }

    /// The limit that node `node` of rank `rank` is nearest to or farthest beyond. Collective.
    void add_row(int rank, std::size_t node, model::FlowState const& state) {
        auto const& piece = flow_.piece();
        std::vector<double> weight(3 * piece.vertices.size(), 0.0);
        std::array<double, 3> said{};  // row, which limit, room
        std::string name;
        if (comm_.rank() == rank) {
            auto const& n = near_.nodes[node];
            double const v = seen(piece, state, n);
            bool const high = v - n.high >= n.low - v;
            double const free = seen(piece, near_.uncurtailed, n);
            Eigen::Map<model::Vector3>{weight.data() + static_cast<std::ptrdiff_t>(n.vertex)* 3} =
                (high ? 1.0 : -1.0) * seen_weight(piece, n);
            said = {static_cast<double>(n.row), high ? 1.0 : 0.0, high ? n.high - free : free - n.low};
            name = node_name(piece, n);
        }
        MPI_Bcast(said.data(), 3, MPI_DOUBLE, rank, comm_.handle());
        std::vector<double> gradient(alpha_.size()), own;
        flow_.gradient(weight, gradient);
        for (std::size_t d = 0; d < gradient.size(); ++d)
            if (share_of_der_[d] >= 0) own.push_back(gradient[d]);
        Row row{.node = static_cast<std::int64_t>(said[0]),
                .high = said[1] > 0.0,
                .room = said[2],
                .effect = solvers::Vector::Zero(static_cast<Index>(available_.size())),
                .name = from_rank(comm_, rank, name)};
        auto const all = comm_.all_gather(own);
        for (std::size_t i = 0; i < all.size(); ++i) row.effect(share_of_all_[i]) += all[i];
        rows_.push_back(std::move(row));
    }

    [[nodiscard]] solvers::Outcome solve() const {
        auto const shares = static_cast<Index>(available_.size());
        auto program = solvers::QuadraticProgram::of_size(shares, 0, static_cast<Index>(rows_.size()));
        std::vector<Eigen::Triplet<double>> effects, squares;
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            auto const row = static_cast<Index>(r);
            program.h_high(row) = rows_[r].room;
            for (Index k = 0; k < shares; ++k)
                if (rows_[r].effect(k) != 0.0) effects.emplace_back(row, k, rows_[r].effect(k));
        }
        for (Index k = 0; k < shares; ++k) {
            auto const cost = policy_.cost(available_[static_cast<std::size_t>(k)]);
            squares.emplace_back(k, k, 2.0 * cost.quadratic);
            program.q(k) = cost.linear;
        }
        program.G.setFromTriplets(effects.begin(), effects.end());
        program.P.setFromTriplets(squares.begin(), squares.end());
        program.lb.setZero();
        program.ub.setOnes();
        solvers::InteriorPoint solver;
        solver.setup(program);
        return solver.solve();
    }

    [[nodiscard]] double objective(solvers::Vector const& x) const {
        double sum = 0.0;
        for (std::size_t k = 0; k < available_.size(); ++k)
            sum += policy_.cost(available_[k]).of(x(static_cast<Index>(k)));
        return sum;
    }

    /// The limits that carry the proof.
    [[nodiscard]] std::vector<core::Finding> conflicts(solvers::Outcome const& outcome) const {
        constexpr double weight = 1e-3;
        constexpr std::size_t most = 20;
        double const largest = outcome.farkas.row_high.maxCoeff();
        std::vector<std::size_t> list;
        for (std::size_t r = 0; r < rows_.size(); ++r)
            if (outcome.farkas.row_high(static_cast<Index>(r)) >= weight * largest) list.push_back(r);
        std::ranges::sort(list, {}, [this](std::size_t r) { return rows_[r].node; });
        std::vector<core::Finding> findings;
        for (auto const r : list) {
            if (findings.size() == most) break;
            findings.push_back({flow_.piece().feeder.heading.origin, "node " + rows_[r].name,
                                fmt::format("no curtailment holds its {} limit{}", rows_[r].high ? "upper" : "lower",
                                            list.size() == 1 ? "" : " together with the others named"),
                                what_helps(rows_[r].high)});
        }
        return findings;
    }

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    fairness::Policy const& policy_;
    Answer const& near_;
    std::vector<double> alpha_;
    std::vector<std::int32_t> share_of_der_;  // -1: none
    std::vector<std::int32_t> share_of_all_;  // of all ranks' DERs that have one, in rank order
    std::vector<double> available_;           // kW per share
    std::vector<Row> rows_;
};

}  // namespace

ReferenceOptimum reference_optimum(core::Communicator const& comm, model::LinDist3Flow& flow,
                                   fairness::Policy const& policy, fairness::Scope scope, Answer const& near) {
    return RowGeneration{comm, flow, policy, scope, near}.find();
}

}  // namespace dec::coordination
