/// Checks of what is attached to buses: loads, capacitors, inverters, machines.
#include <fmt/format.h>

#include <type_traits>

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
    DeviceCheck(Feeder const& feeder, Hung const& hung, Findings& findings)
        : feeder_{feeder}, hung_{hung}, findings_{findings} {}

    template <class Row, class Seat>
    void operator()(std::string_view label, Table<Row> const& table, Seat const& seat) {
        for (auto id : table.ids()) {
            auto const [bus, connection, phases] = seat(table[id]);
            if (phases.empty()) {
                findings_.add(describe(label, table, id), "is on no phase", "give it at least one");
                continue;
            }
            auto const there = hung_.phases[bus.at()];
            if (there.empty()) {
                ++dark_;
                continue;
            }
            // Of a machine nobody says how it is connected.
            bool const to_neutral = connection == Connection::wye && !std::is_same_v<Row, Machine>;
            if (to_neutral && floats(bus) && to_neutral_++ == 0) first_to_neutral_ = describe(label, table, id);
            auto const missing = needed(connection, phases) - there;
            if (missing.empty()) continue;
            findings_.add(describe(label, table, id),
                          fmt::format("needs phase{} {} at bus {}", missing.size() > 1 ? "s" : "", to_text(missing),
                                      feeder_.buses.name(bus)),
                          fmt::format("bus {} is fed with {}", feeder_.buses.name(bus), to_text(there)));
        }
    }
    [[nodiscard]] std::size_t dark() const { return dark_; }
    /// Devices to neutral where nothing holds a neutral, and the first of them.
    [[nodiscard]] std::size_t to_neutral() const { return to_neutral_; }
    [[nodiscard]] std::string const& first_to_neutral() const { return first_to_neutral_; }

  private:
    [[nodiscard]] bool floats(Index<Bus> bus) const {
        auto const vertex = hung_.tree.vertex_of_bus[bus.at()];
        return vertex >= 0 && hung_.tree.vertices[static_cast<std::size_t>(vertex)].floating_delta;
    }

    Feeder const& feeder_;
    Hung const& hung_;
    Findings& findings_;
    std::size_t dark_ = 0;
    std::size_t to_neutral_ = 0;
    std::string first_to_neutral_;
};

}  // namespace

void check_devices(Feeder const& feeder, Hung const& hung, Findings& findings, Notes& notes) {
    DeviceCheck check{feeder, hung, findings};
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
    if (check.to_neutral() > 0)
        notes.warnings.push_back(
            fmt::format("{} to neutral behind a delta winding, where there is none (the first is {}): the linear model "
                        "takes their voltages "
                        "as if the phases were balanced; connect them D if they are between phases",
                        check.to_neutral() == 1 ? "1 device is connected"
                                                : fmt::format("{} devices are connected", check.to_neutral()),
                        check.first_to_neutral()));
}

}  // namespace dec::feeder
