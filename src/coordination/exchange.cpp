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

/// Squared voltages at all boundaries of the feeder, the same on every rank: three places each, in the feeder's order.
class BoundaryVoltages {
  public:
    BoundaryVoltages(core::Communicator const& comm, partition::Piece const& piece)
        : comm_{comm}, own_{partition::boundaries(piece)} {
        std::vector<double> rows;
        for (auto const& boundary : own_) rows.push_back(static_cast<double>(boundary.row));
        for (double const row : comm.all_gather(rows)) rows_.push_back(static_cast<Eigen::Index>(row));
    }

    [[nodiscard]] std::vector<partition::Boundary> const& own() const { return own_; }
    [[nodiscard]] Eigen::Index size() const { return 3 * static_cast<Eigen::Index>(rows_.size()); }

    /// Every rank's part on every rank. Collective.
    [[nodiscard]] Eigen::VectorXd all(model::FlowState const& state) const {
        std::vector<double> part;
        for (auto const& boundary : own_)
            for (std::size_t place = 0; place < 3; ++place)
                part.push_back(state.v_sq[3 * static_cast<std::size_t>(boundary.pcc) + place]);
        auto const gathered = comm_.all_gather(part);
        Eigen::VectorXd v_sq{size()};
        for (std::size_t b = 0; b < rows_.size(); ++b)
            for (Eigen::Index place = 0; place < 3; ++place)
                v_sq(3 * rows_[b] + place) = gathered[3 * b + static_cast<std::size_t>(place)];
        return v_sq;
    }

  private:
    core::Communicator const& comm_;
    std::vector<partition::Boundary> own_;
    std::vector<Eigen::Index> rows_;  // of the feeder's boundaries, in the order of the ranks
};

class Exchange {
  public:
    Exchange(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy, Settings const& settings,
             ExchangeSettings const& own, Observer const& observer)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, policy_{policy}, settings_{settings}, own_{own}, observer_{observer},
          agents_{flow}, boundaries_{comm, flow.piece()} {
        answer_.alpha.assign(flow.ders().size(), 0.0);
        flow_.solve(answer_.alpha, answer_.uncurtailed);
        answer_.curtailed = answer_.uncurtailed;
        answer_.nodes = limited_nodes(piece_, settings.limits, answer_.uncurtailed);
        core::together(comm, [this] { build_programs(); });
        handed_.assign(6 * piece_.vertices.size(), 0.0);
        free_.v_sq.assign(3 * piece_.vertices.size(), 0.0);
    }

    Answer run();

  private:
    void build_programs();
    void ask_agents(Eigen::VectorXd const& given);
    void ask(std::size_t part, model::Vector3 const& pcc);
    void set_objective();
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
    BoundaryVoltages boundaries_;
    std::vector<std::optional<LocalProgram>> programs_;     // one per part; none without DERs
    std::vector<std::int32_t> part_of_vertex_;              // of uppermost places, -1 elsewhere
    std::vector<Eigen::Index> boundary_of_part_;            // row of the feeder's boundaries, -1 at the source
    std::vector<double> handed_;                            // 6 per local vertex: drawn from the vertex above by an agent
    model::FlowState free_;                                 // voltages an agent would have with nothing curtailed
    std::vector<LocalProgram::Room> room_;
    Answer answer_;
};

void Exchange::build_programs() {
    auto const& parts = agents_.parts();
    part_of_vertex_.assign(piece_.own, -1);
    boundary_of_part_.assign(parts.size(), -1);
    programs_.resize(parts.size());
    for (std::size_t p = 0; p < parts.size(); ++p) {
        part_of_vertex_[static_cast<std::size_t>(parts[p].vertices.front())] = static_cast<std::int32_t>(p);
        if (!parts[p].ders.empty()) programs_[p].emplace(agents_, flow_, parts[p], answer_.nodes, policy_);
    }
    for (auto const& boundary : boundaries_.own())
        boundary_of_part_[static_cast<std::size_t>(part_of_vertex_[static_cast<std::size_t>(boundary.vertex)])] =
            static_cast<Eigen::Index>(boundary.row);
}

/// One agent: what it would see with nothing curtailed, what it decides, what it hands up.
void Exchange::ask(std::size_t p, model::Vector3 const& pcc) {
    auto const& part = agents_.parts()[p];
    auto const hand_up = [&] {
        Eigen::Map<model::Vector6>{handed_.data() + static_cast<std::ptrdiff_t>(part.vertices.front()) * 6} =
            agents_.solve(part, answer_.alpha, pcc, handed_, free_.v_sq);
    };
    auto& program = programs_[p];
    if (!program) return hand_up();
    for (auto const d : part.ders) answer_.alpha[static_cast<std::size_t>(d)] = 0.0;
    hand_up();
    room_.clear();
    for (auto const i : program->nodes()) {
        auto const& node = answer_.nodes[i];
        double const v = seen(piece_, free_, node);
        room_.push_back({node.high - v, node.low == -infinity ? infinity : v - node.low});
    }
    program->decide(room_, answer_.alpha);
    hand_up();
}

/// From the leaves up: every agent decides once those below it have handed up what they draw. Collective.
void Exchange::ask_agents(Eigen::VectorXd const& given) {
    flow_.exchange().up(handed_, 6, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const part = part_of_vertex_[static_cast<std::size_t>(j)];
            if (part < 0) continue;
            auto const row = boundary_of_part_[static_cast<std::size_t>(part)];
            ask(static_cast<std::size_t>(part), row < 0 ? model::Vector3::Zero() : model::Vector3{given.segment<3>(3 * row)});
        }
    });
}

void Exchange::set_objective() {
    double sum = 0.0;
    for (auto const& part : agents_.parts()) {
        double available = 0.0, shared = 0.0;
        for (auto const d : part.ders) {
            double const kw = flow_.settings().per_unit.power_si(flow_.ders()[static_cast<std::size_t>(d)].available) / 1000.0;
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

Answer Exchange::run() {
    answer_.status = Status::converged;
    Eigen::VectorXd given = boundaries_.all(answer_.uncurtailed);
    if (own_.flat_start) given.setConstant(comm_.max(flow_.source_v_sq().maxCoeff()));
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
        auto const found = boundaries_.all(answer_.curtailed);
        double const change = largest_change(before);
        double const difference = largest_difference(given, found);
        bool const stop = record(comm_, flow_, {answer_.curtailed, worst_violation(), change}, observer_, answer_);
        if (getenv("EXDBG") && comm_.is_root()) fprintf(stderr, "%zu change %.3e diff %.3e viol %.3e obj %.6f\n", answer_.rounds.size(), change, difference, worst_violation_pu(), answer_.objective);
        bool const still = std::max(change, difference) < settings_.tolerance;
        if (still && worst_violation_pu() <= own_.limit_tolerance_pu) break;
        if (stop || answer_.iterations >= settings_.max_iterations) {
            answer_.status = stop ? Status::interrupted : Status::iteration_limit;
            break;
        }
        given = mixer.next(given, found);
    }
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
