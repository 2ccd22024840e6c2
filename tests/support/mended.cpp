#include "support/mended.hpp"

#include <cmath>
#include <string>

namespace dec::test {

using namespace feeder;

void rate_loads_at(double volts, Feeder& feeder) {
    for (auto id : feeder.loads.ids()) {
        auto& load = feeder.loads[id];
        bool const is_one = load.connection == Connection::wye && load.phases.size() == 1;
        if (!is_one || std::abs(feeder.buses[load.bus].base_v / volts - 1.0) > 0.01) continue;
        auto const name = "seat of " + std::string{feeder.loads.name(id)};
        auto const seat = feeder.buses.add({.phases = load.phases, .base_v = volts}, name);
        feeder.switches.add({.from = load.bus, .to = seat, .phases = load.phases, .closed = load.phases}, name);
        load.bus = seat;
    }
}

void rate_loads_at_2400_volts(Feeder& feeder) { rate_loads_at(2400.0, feeder); }

void mend_export(Feeder& feeder) {
    constexpr double km_per_mile = 1.609344;
    for (auto id : feeder.lines.ids()) {
        if (!feeder.lines.name(id).starts_with("cap_")) continue;
        auto& code = feeder.line_codes[feeder.lines[id].code];
        code.r_ohm[0][0] *= km_per_mile;
        code.x_ohm[0][0] *= km_per_mile;
    }
    for (auto& code : feeder.line_codes.rows())
        if (code.form == LineCode::Form::sequence)
            for (auto& row : code.b_s)
                for (double& b : row) b *= 1e9;
}

void give_switches_their_impedance(Feeder& feeder) {
    for (auto id : feeder.switches.ids()) {
        auto& row = feeder.switches[id];
        if (row.closed.empty()) continue;
        LineCode code{.form = LineCode::Form::whole_line};
        Line line{.from = row.from, .to = row.to};
        for (Phase p : row.closed.list()) {
            auto const i = static_cast<std::size_t>(line.conductors++);
            line.phases[i] = p;
            code.r_ohm[i][i] = code.x_ohm[i][i] = 1e-3;
        }
        code.conductors = line.conductors;
        auto const name = "impedance of " + std::string{feeder.switches.name(id)};
        line.code = feeder.line_codes.add(code, name);
        feeder.lines.add(line, name);
        row.closed = {};
    }
}

}  // namespace dec::test
