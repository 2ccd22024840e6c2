#include "dec/results/agent_messages_file.hpp"

#include <algorithm>
#include <limits>

#include "tables.hpp"

namespace dec::results {

namespace {

using coordination::AgentMessages;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t states = 3, flows = 6;  // of a bus: a place per phase; active powers, then reactive ones

/// Rows of this rank's agents among all agents with messages, in the order of the feeder's boundaries. Collective.
std::vector<std::int64_t> rows_of_agents(core::Communicator const& comm, std::vector<std::int64_t> const& boundary_rows,
                                         std::int64_t& total) {
    std::vector<double> own(boundary_rows.begin(), boundary_rows.end());
    auto all = comm.all_gather(own);
    std::ranges::sort(all);
    total = static_cast<std::int64_t>(all.size());
    std::vector<std::int64_t> rows;
    for (double const row : own) rows.push_back(std::ranges::lower_bound(all, row) - all.begin());
    return rows;
}

/// Where the states and flows of a message stand among the places of a bus.
struct Places {
    std::vector<std::size_t> state, flow;
};
Places places_of(partition::LocalVertex const& pcc, AgentMessages::Agent const& agent) {
    Places places;
    for (auto const phase : pcc.phases.list()) places.state.push_back(feeder::slot(phase));
    for (int half = 0; half * agent.rows < agent.flows; ++half)
        for (auto const place : places.state) places.flow.push_back(place + static_cast<std::size_t>(half) * states);
    return places;
}

/// Columns with a row per agent: for each iteration a block of numbers.
class Blocks {
  public:
    Blocks(std::size_t agents, std::size_t iterations) : agents_{agents}, iterations_{iterations} {}

    std::size_t add(std::string name, std::vector<std::size_t> shape) {
        std::size_t width = iterations_;
        for (auto const extent : shape) width *= extent;
        auto extents = shape;
        extents.insert(extents.begin(), iterations_);
        columns_.push_back({std::move(name), "scaled", std::vector<double>(agents_ * width, nan), width, extents});
        return columns_.size() - 1;
    }
    double* at(std::size_t column, std::size_t agent, std::size_t iteration) {
        auto& of = columns_[column];
        return std::get<std::vector<double>>(of.data).data() + agent * of.width + iteration * (of.width / iterations_);
    }
    [[nodiscard]] std::vector<core::Column> const& columns() const { return columns_; }

  private:
    std::size_t agents_, iterations_;
    std::vector<core::Column> columns_;
};

void spread(std::span<double const> from, std::vector<std::size_t> const& places, double* to) {
    for (std::size_t i = 0; i < places.size(); ++i) to[places[i]] = from[i];
}
void spread(std::vector<double> const& from, std::vector<std::size_t> const& rows,
            std::vector<std::size_t> const& columns, std::size_t width, double* to) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t j = 0; j < columns.size(); ++j)
            to[rows[i] * width + columns[j]] = from[i * columns.size() + j];
}

}  // namespace

void write_agent_messages(core::Communicator const& comm, std::string const& path, model::LinDist3Flow const& flow,
                          coordination::Answer const& answer, Summary const& summary, Run const& run) {
    auto const& piece = flow.piece();
    auto const& messages = *answer.messages;
    auto const boundaries = partition::boundaries(piece);
    auto const agents = messages.agents.size(), iterations = messages.iterations.size();
    auto const k = messages.cut_size, wide = solvers::width_of_value(k);

    std::vector<std::int64_t> boundary_rows;
    std::vector<std::string> name, upstream, bus;
    std::vector<Places> places;
    for (auto const& agent : messages.agents) {
        auto const& boundary = boundaries[static_cast<std::size_t>(agent.boundary)];
        auto const& pcc = piece.vertices[static_cast<std::size_t>(boundary.pcc)];
        boundary_rows.push_back(boundary.row);
        name.emplace_back(piece.agents.name(core::Index<partition::Agent>{boundary.downstream}));
        upstream.emplace_back(piece.agents.name(core::Index<partition::Agent>{boundary.upstream}));
        bus.emplace_back(pcc.bus.valid() ? piece.feeder.buses.name(pcc.bus) : std::string_view{});
        places.push_back(places_of(pcc, agent));
    }
    std::int64_t total = 0;
    auto const rows = rows_of_agents(comm, boundary_rows, total);

    Blocks told{agents, iterations}, heard{agents, iterations};
    auto const A = told.add("A", {states, states}), B = told.add("B", {states, flows}),
               C = told.add("C", {flows, flows});
    auto const a = told.add("a", {states}), b = told.add("b", {flows});
    auto const a_corrected = told.add("a_corrected", {states}), b_corrected = told.add("b_corrected", {flows});
    auto const dv = heard.add("dv", {states}), dprice = heard.add("dprice", {flows});
    auto const dv_corrected = heard.add("dv_corrected", {states}),
               dprice_corrected = heard.add("dprice_corrected", {flows});
    for (std::size_t i = 0; i < agents; ++i) {
        auto const& at = places[i];
        int const n = messages.agents[i].rows, m = messages.agents[i].flows;
        for (std::size_t t = 0; t < iterations; ++t) {
            auto const place = t * agents + i;
            auto const value = solvers::read_message(std::span{messages.value}.subspan(place * wide, wide), n, m, true);
            spread(value.A, at.state, at.state, states, told.at(A, i, t));
            spread(value.B, at.state, at.flow, flows, told.at(B, i, t));
            spread(value.C, at.flow, at.flow, flows, told.at(C, i, t));
            auto const split = [&](std::vector<double> const& all, double* first, double* second) {
                auto const row = solvers::read_message(std::span{all}.subspan(place * k, k), n, m, false);
                spread(row.a, at.state, first);
                spread(row.b, at.flow, second);
            };
            spread(value.a, at.state, told.at(a, i, t));
            spread(value.b, at.flow, told.at(b, i, t));
            split(messages.slopes, told.at(a_corrected, i, t), told.at(b_corrected, i, t));
            split(messages.step, heard.at(dv, i, t), heard.at(dprice, i, t));
            split(messages.corrected_step, heard.at(dv_corrected, i, t), heard.at(dprice_corrected, i, t));
        }
    }

    core::Hdf5Writer file{comm, path};
    file.attributes("/", {{"format", std::string{messages_format_name}},
                          {"format_version", messages_format_version},
                          {"dec_version", run.version},
                          {"feeder", summary.feeder},
                          {"policy", summary.policy},
                          {"status", summary.status},
                          {"other_numbers_up", messages.other_up},
                          {"other_numbers_down", messages.other_down}});
    file.table(
        "/agents", total, rows,
        std::vector<core::Column>{
            {"name", "", std::move(name)}, {"upstream_agent", "", std::move(upstream)}, {"bus", "", std::move(bus)}});
    file.table("/told", total, rows, told.columns());
    file.table("/heard", total, rows, heard.columns());
    std::vector<std::int64_t> line, program, iteration, corrected;
    if (comm.is_root())
        for (auto const& one : messages.iterations) {
            line.push_back(static_cast<std::int64_t>(line.size()));
            program.push_back(one.program);
            iteration.push_back(one.iteration);
            corrected.push_back(one.corrected ? 1 : 0);
        }
    file.table("/iterations", static_cast<std::int64_t>(iterations), line,
               std::vector<core::Column>{{"program", "1", std::move(program)},
                                         {"iteration", "1", std::move(iteration)},
                                         {"corrected", "1", std::move(corrected)}});
    file.commit();
}

}  // namespace dec::results
