#include "support/original_feeder.hpp"

#include <cmath>
#include <fstream>
#include <map>

#include "dec/core/json.hpp"
#include "support/places.hpp"

namespace dec::test {

namespace {

using namespace dec::feeder;

core::Json read(std::filesystem::path const& path) {
    std::ifstream file{path};
    return core::Json::parse(file);
}

Phase phase_of_number(int number) { return static_cast<Phase>(number - 1); }

void add_branch(Feeder& feeder, std::string const& name, core::Json const& row,
                std::map<std::string, Index<Bus>> const& bus) {
    auto const from = bus.at(row.at("fr_bus"));
    auto const to = bus.at(row.at("to_bus"));
    PhaseSet phases;
    for (int number : row.at("phases")) phases.insert(phase_of_number(number));
    phases = phases & feeder.buses[from].phases & feeder.buses[to].phases;
    // Closed switches keep the micro-ohms of the tables: they move the known fractions by 7e-7.
    bool const open = name == "sw7" || name == "sw8";
    if (open || row.at("type") == "XFMR") {
        feeder.switches.add({.from = from, .to = to, .phases = phases, .closed = open ? PhaseSet{} : phases}, name);
        return;
    }
    LineCode code{.form = LineCode::Form::whole_line, .conductors = static_cast<std::uint8_t>(phases.size())};
    Line line{.from = from, .to = to, .conductors = code.conductors};
    std::size_t i = 0;
    for (Phase m : phases.list()) {
        line.phases[i] = m;
        std::size_t k = 0;
        for (Phase n : phases.list()) {
            auto const& z = row.at("zprim").at(slot(m)).at(slot(n));
            code.r_ohm[i][k] = z.at(0);
            code.x_ohm[i][k] = z.at(1);
            ++k;
        }
        ++i;
    }
    line.code = feeder.line_codes.add(code, name);
    feeder.lines.add(line, name);
}

}  // namespace

std::optional<Feeder> original_feeder() {
    auto const folder = shared_path("feeders/original");
    if (!folder) return std::nullopt;
    Feeder feeder;
    feeder.heading.name = "ieee123_pri";
    feeder.heading.origin = *folder + "/bus_info_ieee123_pri.json";
    std::map<std::string, Index<Bus>> bus;
    auto const buses = read(*folder + "/bus_info_ieee123_pri.json");
    for (auto const& [name, row] : buses.items()) {
        PhaseSet phases;
        for (std::string const number : row.at("phases")) phases.insert(phase_of_number(std::stoi(number)));
        bus[name] = feeder.buses.add({.phases = phases, .base_v = 4160.0 / std::sqrt(3.0)}, name);
        for (Phase p : phases.list()) {
            auto const add = [&](core::Json const& power, auto&& make) {
                double const watt = power.at(slot(p)).at(0);
                double const var = power.at(slot(p)).at(1);
                if (watt != 0.0 || var != 0.0) make(watt, var);
            };
            auto const id = name + "." + std::string{to_text(p)};
            add(row.at("pq"), [&](double watt, double var) {
                Load load{.bus = bus[name], .phases = {p}};
                load.p_w[slot(p)] = watt;
                load.q_var[slot(p)] = var;
                feeder.loads.add(load, "load_" + id);
            });
            add(row.at("pv"), [&](double watt, double) {
                PvSystem pv;
                pv.inverter.bus = bus[name];
                pv.inverter.phases = {p};
                pv.inverter.p_w[slot(p)] = watt;
                add_pv(feeder, pv, "pv_" + id, {}, "pv_" + id, {});
            });
        }
    }
    auto const branches = read(*folder + "/branch_sw_xfmr_ieee123_pri.json");
    for (auto const& [name, row] : branches.items()) add_branch(feeder, name, row, bus);
    feeder.sources.add({.bus = bus.at("150"), .nominal_v = 4160.0, .voltage_v = 4160.0}, "source");
    feeder.areas.add({}, feeder.heading.name);
    return feeder;
}

}  // namespace dec::test
