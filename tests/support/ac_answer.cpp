#include "support/ac_answer.hpp"

#include <zlib.h>

#include <array>
#include <catch2/catch.hpp>
#include <numbers>
#include <sstream>

namespace dec::test {

using namespace feeder;

AcAnswer::AcAnswer(Feeder const& feeder, powerflow::Settings const& settings, core::Communicator const& comm)
    : comm_{comm}, piece_{std::make_unique<partition::Piece>(
                       spread(comm, feeder, partition::Grain::secondary, Loops::allowed))},
      flow_{std::make_unique<powerflow::PowerFlow>(comm, *piece_, settings)}, outcome_{flow_->solve()} {
    auto const& buses = piece_->global.buses;
    for (std::size_t i = 0; i < buses.size(); ++i) row_of_bus_[buses[i]] = static_cast<std::int32_t>(i);
}

std::int32_t AcAnswer::row(Index<Bus> bus) const { return row_of_bus_.at(bus.value()); }

bool AcAnswer::is_energised(Index<Bus> bus) const {
    return piece_->vertex_of_bus[static_cast<std::size_t>(row(bus))] >= 0;
}

partition::LocalVertex const& AcAnswer::vertex(Index<Bus> bus) const {
    auto const at = piece_->vertex_of_bus[static_cast<std::size_t>(row(bus))];
    return piece_->vertices[static_cast<std::size_t>(at)];
}

Complex AcAnswer::volts(Index<Bus> bus, Phase phase) const {
    auto const at = piece_->vertex_of_bus[static_cast<std::size_t>(row(bus))];
    return flow_->voltage(static_cast<std::size_t>(at), phase) * piece_->feeder.buses[Index<Bus>{row(bus)}].base_v;
}

std::vector<Complex> AcAnswer::all_volts() const {
    auto const& piece = *piece_;
    auto const nodes = static_cast<std::size_t>(piece.totals.nodes);
    std::vector<double> own(3 * nodes, 0.0), sum(own.size());
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (!vertex.bus.valid()) continue;
        for (Phase p : vertex.phases.list()) {
            auto const node = static_cast<std::size_t>(piece.global.first_node[vertex.bus.at()]) +
                              piece.feeder.buses[vertex.bus].phases.position(p);
            auto const v = flow_->voltage(i, p) * piece.feeder.buses[vertex.bus].base_v;
            own[3 * node] = v.real();
            own[3 * node + 1] = v.imag();
            own[3 * node + 2] = 1.0;
        }
    }
    MPI_Allreduce(own.data(), sum.data(), static_cast<int>(sum.size()), MPI_DOUBLE, MPI_SUM, comm_.handle());
    std::vector<Complex> volts;
    for (std::size_t n = 0; n < nodes; ++n)
        volts.push_back(sum[3 * n + 2] == 1.0 ? Complex{sum[3 * n], sum[3 * n + 1]}
                                              : Complex{std::numeric_limits<double>::quiet_NaN(), 0.0});
    return volts;
}

std::map<std::string, Complex> reference_phasors(std::string const& path) {
    auto* const file = gzopen(path.c_str(), "rb");
    REQUIRE(file != nullptr);
    std::map<std::string, Complex> volts;
    std::array<char, 256> line{};
    REQUIRE(gzgets(file, line.data(), line.size()) != nullptr);
    REQUIRE(std::string{line.data()} == "bus,phase,node,primary_phase,v_volts,angle_deg,kv_base,pu\n");
    while (gzgets(file, line.data(), line.size()) != nullptr) {
        std::istringstream cells{line.data()};
        std::vector<std::string> row;
        for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
        std::string const phase = row[1] == "1" ? "A" : row[1] == "2" ? "B" : row[1] == "3" ? "C" : row[1];
        volts[row[0] + "." + phase] = std::polar(std::stod(row[4]), std::stod(row[5]) * std::numbers::pi / 180.0);
    }
    gzclose(file);
    return volts;
}

std::string lower_case(std::string_view text) {
    std::string result{text};
    for (auto& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

}  // namespace dec::test
