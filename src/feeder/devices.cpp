/// Checks of what is attached to buses: loads, capacitors, inverters, machines.
#include <fmt/format.h>

#include <optional>

#include "checks.hpp"

namespace dec::feeder {

namespace {

/// Phases a device needs at its bus.
PhaseSet needed(Connection connection, PhaseSet phases) {
    if (connection != Connection::delta) return phases;
    PhaseSet set;
    for (Phase p : phases.list()) set = set | PhaseSet{delta_pair(p)[0], delta_pair(p)[1]};
    return set;
}

class DeviceCheck {
  public:
    DeviceCheck(Feeder const& feeder, std::vector<PhaseSet> const& phases, Findings& findings)
        : feeder_{feeder}, phases_{phases}, findings_{findings} {}

    template <class Row, class Seat>
    void operator()(std::string_view label, Table<Row> const& table, Seat const& seat) {
        for (auto id : table.ids()) {
            auto const [bus, connection, phases] = seat(table[id]);
            if (phases.empty()) {
                findings_.add(describe(label, table, id), "is on no phase", "give it at least one");
                continue;
            }
            auto const there = phases_[bus.at()];
            if (there.empty()) {
                ++dark_;
                continue;
            }
            auto const missing = needed(connection, phases) - there;
            if (missing.empty()) continue;
            findings_.add(describe(label, table, id),
                          fmt::format("needs phase{} {} at bus {}", missing.size() > 1 ? "s" : "", to_text(missing),
                                      feeder_.buses.name(bus)),
                          fmt::format("bus {} is fed with {}", feeder_.buses.name(bus), to_text(there)));
        }
    }
    [[nodiscard]] std::size_t dark() const { return dark_; }

  private:
    Feeder const& feeder_;
    std::vector<PhaseSet> const& phases_;
    Findings& findings_;
    std::size_t dark_ = 0;
};

}  // namespace

void check_devices(Feeder const& feeder, std::vector<PhaseSet> const& phases, Findings& findings, Notes& notes) {
    DeviceCheck check{feeder, phases, findings};
    auto const seat = [](auto const& row) { return std::tuple{row.bus, row.connection, row.phases}; };
    auto const inverter = [](auto const& row) {
        return std::tuple{row.inverter.bus, row.inverter.connection, row.inverter.phases};
    };
    check("load", feeder.loads, seat);
    check("capacitor", feeder.capacitors, seat);
    check("pv", feeder.pv_systems, inverter);
    check("battery", feeder.batteries, inverter);
    check("machine", feeder.machines, [](auto const& row) { return std::tuple{row.bus, Connection::wye, row.phases}; });
    if (check.dark() > 0)
        notes.warnings.push_back(fmt::format("{} devices at buses that are not energised take no part", check.dark()));
}

}  // namespace dec::feeder
