#include "dec/coordination/exchange.hpp"

#include <algorithm>
#include <cmath>

#include "dec/model/agent_flow.hpp"
#include "local_program.hpp"
#include "mixing.hpp"
#include "record.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// What is exchanged, the same on every rank: for each boundary of the feeder the squared voltages of its three places, then
/// for each agent what it asks of its neighbours, by place of its own, pu^2.
class Exchanged {
  public:
    Exchanged(core::Communicator const& comm, model::LinDist3Flow const& flow, std::span<model::AgentPart const> parts)
        : comm_{comm}, own_{partition::boundaries(flow.piece())} {
        auto const& piece = flow.piece();
        std::vector<double> boundary_rows, upstream, agent_rows, seats;
        for (auto const& boundary : own_) {
            boundary_rows.push_back(static_cast<double>(boundary.row));
            upstream.push_back(static_cast<double>(piece.agent_row[static_cast<std::size_t>(boundary.upstream)]));
            auto const& first = piece.vertices[static_cast<std::size_t>(boundary.vertex)];
            for (Eigen::Index place = 0; place < 3; ++place) {
                model::Vector3 const above = flow.blocks()[static_cast<std::size_t>(boundary.vertex)].ratio.col(place);
                seats.push_back(above.isZero() ? 0.0 : first.phases.has_legs() ? 2.0 : 1.0);
            }
        }
        for (auto const& part : parts)
            agent_rows.push_back(static_cast<double>(piece.agent_row[static_cast<std::size_t>(part.agent)]));
        auto const as_rows = [&](std::vector<double> const& own) {
            std::vector<Eigen::Index> rows;
            for (double const row : comm.all_gather(own)) rows.push_back(static_cast<Eigen::Index>(row));
            return rows;
        };
        boundary_rows_ = as_rows(boundary_rows);
        agent_rows_ = as_rows(agent_rows);
        auto const above = as_rows(upstream);
        auto const seats_of_all = comm.all_gather(seats);
        seats_.resize(seats_of_all.size());
        for (std::size_t b = 0; b < boundary_rows_.size(); ++b)
            for (std::size_t place = 0; place < 3; ++place)
                seats_[3 * static_cast<std::size_t>(boundary_rows_[b]) + place] =
                    static_cast<Seat>(seats_of_all[3 * b + place]);
        upstream_.resize(above.size());
        for (std::size_t b = 0; b < above.size(); ++b)
            upstream_[static_cast<std::size_t>(boundary_rows_[b])] = above[b];
    }

    [[nodiscard]] std::vector<partition::Boundary> const& own() const { return own_; }
    [[nodiscard]] Eigen::Index voltages() const { return 3 * static_cast<Eigen::Index>(boundary_rows_.size()); }

    /// Every rank's part on every rank. Collective. \param requests three per part of this rank.
    [[nodiscard]] Eigen::VectorXd all(model::FlowState const& state, std::vector<double> const& requests) const {
        std::vector<double> v_sq;
        for (auto const& boundary : own_)
            for (std::size_t place = 0; place < 3; ++place)
                v_sq.push_back(state.v_sq[3 * static_cast<std::size_t>(boundary.pcc) + place]);
        Eigen::VectorXd all = Eigen::VectorXd::Zero(voltages() + 3 * static_cast<Eigen::Index>(agent_rows_.size()));
        put(comm_.all_gather(v_sq), boundary_rows_, all.head(voltages()));
        put(comm_.all_gather(requests), agent_rows_, all.tail(all.size() - voltages()));
        return all;
    }

    /// The voltages at the PCC of boundary `row`.
    [[nodiscard]] static model::Vector3 voltage(Eigen::VectorXd const& exchanged, Eigen::Index row) {
        return exchanged.segment<3>(3 * row);
    }
    /// What is asked of each agent from above, by its own places: the sum over all agents on the way to the source.
    [[nodiscard]] Eigen::VectorXd asked_from_above(Eigen::VectorXd const& exchanged) const {
        Eigen::VectorXd const asked = exchanged.tail(exchanged.size() - voltages()).cwiseMax(0.0);
        Eigen::VectorXd from_above = Eigen::VectorXd::Zero(asked.size());
        for (std::size_t b = 0; b < upstream_.size(); ++b) {  // parents stand before children
            auto const row = static_cast<Eigen::Index>(b);
            model::Vector3 const above = asked.segment<3>(3 * upstream_[b]) + from_above.segment<3>(3 * upstream_[b]);
            double legs = 0.0;
            for (Eigen::Index place = 0; place < 3; ++place) {
                auto const seat = seats_[3 * b + static_cast<std::size_t>(place)];
                if (seat == Seat::place) from_above(3 * (row + 1) + place) = above(place);
                if (seat == Seat::legs) legs = std::max(legs, above(place));
            }
            if (legs > 0.0) from_above.segment<3>(3 * (row + 1)).setConstant(legs);
        }
        return from_above;
    }

    /// How much lower the agent of boundary `row` asks the voltages at its PCC to be.
    [[nodiscard]] model::Vector3 asked_of_pcc(Eigen::VectorXd const& exchanged, Eigen::Index row) const {
        model::Vector3 const asked = exchanged.segment<3>(voltages() + 3 * (row + 1)).cwiseMax(0.0);
        model::Vector3 of_pcc = model::Vector3::Zero();
        for (Eigen::Index place = 0; place < 3; ++place) {
            auto const seat = seats_[static_cast<std::size_t>(3 * row + place)];
            if (seat != Seat::none) of_pcc(place) = seat == Seat::legs ? asked.maxCoeff() : asked(place);
        }
        return of_pcc;
    }

  private:
    /// What is behind a place of the PCC: nothing of the agent, the same place, or both legs of a secondary.
    enum class Seat : std::uint8_t { none, place, legs };

    template <class Target>
    static void put(std::vector<double> const& gathered, std::vector<Eigen::Index> const& rows, Target&& target) {
        for (std::size_t i = 0; i < rows.size(); ++i)
            for (Eigen::Index place = 0; place < 3; ++place)
                target(3 * rows[i] + place) = gathered[3 * i + static_cast<std::size_t>(place)];
    }

    core::Communicator const& comm_;
    std::vector<partition::Boundary> own_;
    std::vector<Eigen::Index> boundary_rows_, agent_rows_;  // in the order of the ranks
    std::vector<Eigen::Index> upstream_;                    // agent above each boundary
    std::vector<Seat> seats_;                               // three per boundary
};

/// A squared voltage this near its limit is at it, pu^2. Rounds end while shares still move within the tolerance, so that
/// voltages come to rest near their limits rather than at them.
double limit_pu_sq(ExchangeSettings const& own, Settings const& settings) {
    constexpr double at_rest = 10.0;
    return 2.0 * settings.limits.v_max_pu * at_rest * own.limit_tolerance_pu;
}

class Exchange {
  public:
    Exchange(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
             Settings const& settings, ExchangeSettings const& own, Observer const& observer)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, policy_{policy}, settings_{settings}, own_{own},
          observer_{observer}, agents_{flow}, exchanged_{comm, flow, agents_.parts()} {
        answer_.alpha.assign(flow.ders().size(), 0.0);
        binding_.assign(flow.ders().size(), -1);
        answer_.at_limit = limit_pu_sq(own, settings);
        flow_.solve(answer_.alpha, answer_.uncurtailed);
        answer_.curtailed = answer_.uncurtailed;
        answer_.nodes = nodes_of(settings, piece_, answer_.uncurtailed);
        core::together(comm, [this] { build_programs(); });
        asked_.assign(answer_.nodes.size(), 0.0);
        from_below_.assign(answer_.nodes.size(), 0.0);
        handed_.assign(6 * piece_.vertices.size(), 0.0);
        free_.v_sq.assign(3 * piece_.vertices.size(), 0.0);
        change_.v_sq.assign(3 * piece_.vertices.size(), 0.0);
    }

    Answer run();

  private:
    void build_programs();
    void ask_agents(Eigen::VectorXd const& given);
    void set_asked(Eigen::VectorXd const& given);
    void ask(std::size_t part, model::Vector3 const& pcc);
    [[nodiscard]] std::vector<double> requests(Eigen::VectorXd const& given);
    void set_objective();
    void name_binding();
    void compare_with_optimum();
    [[nodiscard]] double worst_violation() const;
    [[nodiscard]] double worst_violation_pu() const;
    [[nodiscard]] double largest_change(std::vector<double> const& before) const;

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    ExchangeSettings const& own_;
    Observer const& observer_;
    model::AgentFlow agents_;
    Exchanged exchanged_;
    std::vector<std::optional<LocalProgram>> programs_;  // one per part; none without DERs
    std::vector<std::int32_t> part_of_vertex_;           // of uppermost places, -1 elsewhere
    std::vector<Eigen::Index> boundary_of_part_;         // row of the feeder's boundaries, -1 at the source
    std::vector<double> asked_, from_below_;             // of every node: by anybody, by agents below; pu^2
    std::vector<double> handed_;                         // 6 per local vertex: drawn from the vertex above by an agent
    std::vector<std::int32_t> part_of_agent_;            // of the piece
    model::FlowState change_;                            // scratch: answers to a change
    model::FlowState free_;                              // voltages an agent would have with nothing curtailed
    std::vector<LocalProgram::Room> room_;
    std::vector<std::int32_t> binding_;  // of every DER: into the nodes, -1 where nothing binds
    Answer answer_;
};

void Exchange::build_programs() {
    auto const& parts = agents_.parts();
    part_of_vertex_.assign(piece_.own, -1);
    boundary_of_part_.assign(parts.size(), -1);
    programs_.resize(parts.size());
    part_of_agent_.assign(piece_.agents.size(), -1);
    for (std::size_t p = 0; p < parts.size(); ++p) {
        part_of_vertex_[static_cast<std::size_t>(parts[p].vertices.front())] = static_cast<std::int32_t>(p);
        part_of_agent_[static_cast<std::size_t>(parts[p].agent)] = static_cast<std::int32_t>(p);
        if (!parts[p].ders.empty()) programs_[p].emplace(agents_, flow_, parts[p], answer_.nodes, policy_);
    }
    for (auto const& boundary : exchanged_.own())
        boundary_of_part_[static_cast<std::size_t>(part_of_vertex_[static_cast<std::size_t>(boundary.vertex)])] =
            static_cast<Eigen::Index>(boundary.row);
}

/// One agent: what it would see with nothing curtailed, what it decides, what it hands up.
void Exchange::ask(std::size_t p, model::Vector3 const& pcc) {
    auto const& part = agents_.parts()[p];
    auto const hand_up = [&] {
        Eigen::Map<model::Vector6>{handed_.data() + static_cast<std::ptrdiff_t>(part.vertices.front())* 6} =
            agents_.solve(part, answer_.alpha, pcc, handed_, free_.v_sq);
    };
    auto& program = programs_[p];
    if (!program) return hand_up();
    for (auto const d : part.ders) answer_.alpha[static_cast<std::size_t>(d)] = 0.0;
    agents_.solve(part, answer_.alpha, pcc, handed_, free_.v_sq);
    room_.clear();
    for (auto const i : program->nodes()) {
        auto const& node = answer_.nodes[i];
        double const v = seen(piece_, free_, node);
        room_.push_back({.above = node.high - v,
                         .below = node.low == -infinity ? infinity : v - node.low,
                         .asked = node.high - v - asked_[i]});
    }
    program->decide(room_, answer_.alpha, binding_);
    hand_up();
}

/// How much below their limits neighbours ask the nodes of this rank to be.
void Exchange::set_asked(Eigen::VectorXd const& given) {
    auto const from_above = exchanged_.asked_from_above(given);
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        auto const& vertex = piece_.vertices[static_cast<std::size_t>(node.vertex)];
        auto const row_of = [&](std::int32_t agent) {
            return static_cast<Eigen::Index>(piece_.agent_row[static_cast<std::size_t>(agent)]);
        };
        from_below_[i] = 0.0;
        for (std::int32_t c = 0; c < vertex.children; ++c) {
            auto const child = piece_.children[static_cast<std::size_t>(vertex.first_child + c)];
            auto const agent = piece_.vertices[static_cast<std::size_t>(child)].agent;
            if (agent != vertex.agent)
                from_below_[i] =
                    std::max(from_below_[i], exchanged_.asked_of_pcc(given, row_of(agent) - 1)(node.place));
        }
        asked_[i] = std::max(from_below_[i], from_above(3 * row_of(vertex.agent) + node.place));
    }
}

/// From the leaves up: every agent decides once those below it have handed up what they draw. Collective.
void Exchange::ask_agents(Eigen::VectorXd const& given) {
    set_asked(given);
    flow_.exchange().up(handed_, 6, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const part = part_of_vertex_[static_cast<std::size_t>(j)];
            if (part < 0) continue;
            auto const row = boundary_of_part_[static_cast<std::size_t>(part)];
            ask(static_cast<std::size_t>(part), row < 0 ? model::Vector3::Zero() : Exchanged::voltage(given, row));
        }
    });
}

/// What each agent of this rank asks of its neighbours: as much more as its nodes are above their limits, by place, once its
/// own DERs have given all they can; less as soon as there is room.
std::vector<double> Exchange::requests(Eigen::VectorXd const& given) {
    auto const& parts = agents_.parts();
    std::vector<double> asked(3 * parts.size(), 0.0);
    std::vector<double> excess(3 * parts.size(), -infinity);
    std::vector<double> rest(answer_.alpha.size());
    for (std::size_t d = 0; d < rest.size(); ++d) rest[d] = 1.0 - answer_.alpha[d];
    for (auto const& part : parts) agents_.solve_change(part, rest, change_.v_sq);
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        auto const part = static_cast<std::size_t>(
            part_of_agent_[static_cast<std::size_t>(piece_.vertices[static_cast<std::size_t>(node.vertex)].agent)]);
        double const v = seen(piece_, answer_.curtailed, node) + seen(piece_, change_, node);
        auto& worst = excess[3 * part + static_cast<std::size_t>(node.place)];
        worst = std::max(worst, v - node.high + from_below_[i]);
    }
    for (std::size_t p = 0; p < parts.size(); ++p) {
        auto const row = exchanged_.voltages() +
                         3 * static_cast<Eigen::Index>(piece_.agent_row[static_cast<std::size_t>(parts[p].agent)]);
        for (std::size_t place = 0; place < 3; ++place)
            if (excess[3 * p + place] > -infinity)
                asked[3 * p + place] =
                    std::max(0.0, given(row + static_cast<Eigen::Index>(place)) + excess[3 * p + place]);
    }
    return asked;
}

void Exchange::set_objective() {
    double sum = 0.0;
    for (auto const& part : agents_.parts()) {
        double available = 0.0, shared = 0.0;
        for (auto const d : part.ders) {
            double const kw =
                flow_.settings().per_unit.power_si(flow_.ders()[static_cast<std::size_t>(d)].available) / 1000.0;
            double const share = answer_.alpha[static_cast<std::size_t>(d)];
            available += kw;
            shared = share;
            if (!policy_.shared_fraction) sum += policy_.cost(kw).of(share);
        }
        if (policy_.shared_fraction && available > 0.0) sum += policy_.cost(available).of(shared);
    }
    answer_.objective = comm_.sum(sum);
}

double Exchange::worst_violation() const {
    auto const all = violations(piece_, answer_.nodes, answer_.curtailed);
    return comm_.max(all.empty() ? -infinity : std::ranges::max(all));
}

double Exchange::worst_violation_pu() const {
    double worst = 0.0;
    for (auto const& node : answer_.nodes) {
        double const v = std::sqrt(std::max(0.0, seen(piece_, answer_.curtailed, node)));
        worst = std::max(worst, v - std::sqrt(node.high));
        if (node.low > 0.0) worst = std::max(worst, std::sqrt(node.low) - v);
    }
    return comm_.max(worst);
}

double Exchange::largest_change(std::vector<double> const& before) const {
    double change = 0.0;
    for (std::size_t d = 0; d < before.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - before[d]));
    return comm_.max(change);
}

/// Of voltage magnitudes, pu.
double largest_difference(Eigen::VectorXd const& a, Eigen::VectorXd const& b) {
    if (a.size() == 0) return 0.0;
    return (a.cwiseMax(0.0).cwiseSqrt() - b.cwiseMax(0.0).cwiseSqrt()).cwiseAbs().maxCoeff();
}

void Exchange::name_binding() {
    for (auto const node : binding_)
        answer_.binding.push_back(node < 0 ? std::string{}
                                           : node_name(piece_, answer_.nodes[static_cast<std::size_t>(node)]));
}

/// How far a fixed point of selfish agents is from the best there is, or that there is nothing under all limits.
void Exchange::compare_with_optimum() {
    auto const method = *find_method("exact");
    auto settings = settings_;
    settings.max_iterations = method.default_iterations;
    settings.tolerance = *method.default_tolerance;
    auto const optimum = method.run(comm_, flow_, policy_, settings, {});
    if (optimum.status == Status::optimal) answer_.objective_optimal = optimum.objective;
    if (answer_.status == Status::converged || optimum.status != Status::infeasible) return;
    answer_.status = Status::infeasible;
    answer_.conflicts = optimum.conflicts;
}

Answer Exchange::run() {
    answer_.status = Status::converged;
    std::vector<double> const nothing(3 * agents_.parts().size(), 0.0);
    Eigen::VectorXd given = exchanged_.all(answer_.uncurtailed, nothing);
    if (own_.flat_start) given.head(exchanged_.voltages()).setConstant(comm_.max(flow_.source_v_sq().maxCoeff()));
    Mixer mixer{own_.mixing, own_.memory, given};
    double violation = worst_violation();
    if (record(comm_, flow_, {answer_.curtailed, violation, 0.0}, observer_, answer_)) {
        answer_.status = Status::interrupted;
        return std::move(answer_);
    }
    while (true) {
        auto const before = answer_.alpha;
        ask_agents(given);
        flow_.solve(answer_.alpha, answer_.curtailed);
        set_objective();
        auto const found = exchanged_.all(answer_.curtailed, own_.requests ? requests(given) : nothing);
        double const change = largest_change(before);
        double const difference =
            largest_difference(given.head(exchanged_.voltages()), found.head(exchanged_.voltages()));
        bool const stop = record(comm_, flow_, {answer_.curtailed, worst_violation(), change}, observer_, answer_);
        bool const still = std::max(change, difference) < settings_.tolerance;
        if (still && worst_violation_pu() <= own_.limit_tolerance_pu) break;
        if (stop || answer_.iterations >= settings_.max_iterations) {
            answer_.status = stop ? Status::interrupted : Status::iteration_limit;
            break;
        }
        given = mixer.next(given, found);
    }
    name_binding();
    if (answer_.status != Status::interrupted) compare_with_optimum();
    return std::move(answer_);
}

}  // namespace

Answer exchange_with(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                     Settings const& settings, ExchangeSettings const& own, Observer const& observer) {
    return Exchange{comm, flow, policy, settings, own, observer}.run();
}

Answer exchange(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                Settings const& settings, Observer const& observer) {
    return exchange_with(comm, flow, policy, settings, {}, observer);
}

}  // namespace dec::coordination
