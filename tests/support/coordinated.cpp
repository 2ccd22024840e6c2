#include "support/coordinated.hpp"

#include "dec/partition/agents.hpp"

namespace dec::test {

partition::Piece spread(core::Communicator const& comm, feeder::Feeder const& feeder, partition::Grain grain,
                        feeder::Loops loops) {
    std::optional<partition::Whole> whole;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        feeder::Notes notes;
        whole.emplace();
        whole->feeder = feeder;
        whole->tree = feeder::validate(feeder, notes, loops);
        whole->agents = partition::find_agents(feeder, whole->tree);
        whole->partition = partition::split(feeder, whole->tree, whole->agents, grain, comm.size());
    });
    return partition::distribute(comm, whole);
}

std::unique_ptr<Distributed> distributed(core::Communicator const& comm, feeder::Feeder const& feeder,
                                         model::LinearSettings const& settings, partition::Grain grain) {
    auto result = std::make_unique<Distributed>();
    result->piece = spread(comm, feeder, grain);
    result->flow = std::make_unique<model::LinDist3Flow>(comm, result->piece, settings);
    return result;
}

namespace {

/// Each value is owned by exactly one rank; the others hold 0 and the mark tells who has it.
std::vector<double> merged(core::Communicator const& comm, std::vector<double> const& values,
                           std::vector<double> const& marks) {
    std::vector<double> sum(values.size());
    std::vector<double> count(values.size());
    MPI_Allreduce(values.data(), sum.data(), static_cast<int>(sum.size()), MPI_DOUBLE, MPI_SUM, comm.handle());
    MPI_Allreduce(marks.data(), count.data(), static_cast<int>(count.size()), MPI_DOUBLE, MPI_SUM, comm.handle());
    for (std::size_t i = 0; i < sum.size(); ++i)
        if (count[i] != 1.0) sum[i] = std::numeric_limits<double>::quiet_NaN();
    return sum;
}

}  // namespace

std::vector<double> all_voltages(core::Communicator const& comm, partition::Piece const& piece,
                                 model::FlowState const& state) {
    std::vector<double> values(static_cast<std::size_t>(piece.totals.nodes), 0.0);
    std::vector<double> marks(values.size(), 0.0);
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (vertex.kind != feeder::Vertex::Kind::bus) continue;
        for (feeder::Phase p : vertex.phases.list()) {
            auto const row = static_cast<std::size_t>(piece.global.first_node[vertex.bus.at()]) +
                             piece.feeder.buses[vertex.bus].phases.position(p);
            values[row] = state.v_sq[3 * i + feeder::slot(p)];
            marks[row] = 1.0;
        }
    }
    return merged(comm, values, marks);
}

std::vector<double> all_ders(core::Communicator const& comm, partition::Piece const& piece,
                             std::vector<double> const& own) {
    std::vector<double> values(static_cast<std::size_t>(piece.totals.ders), 0.0);
    std::vector<double> marks(values.size(), 0.0);
    for (std::size_t d = 0; d < own.size(); ++d) {
        values[static_cast<std::size_t>(piece.global.pv_systems[d])] = own[d];
        marks[static_cast<std::size_t>(piece.global.pv_systems[d])] = 1.0;
    }
    return merged(comm, values, marks);
}

}  // namespace dec::test
