#include "monitoring.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace dec::partition {

namespace {

using feeder::ElementKind;
using feeder::Feeder;
using feeder::TerminalRef;
using feeder::Transformer;
using feeder::Tree;

/// An element, and of a star member its winding.
using Key = std::tuple<Feeding::Kind, std::int32_t, std::uint8_t>;

/// All that controls may look at.
std::map<Key, std::pair<std::int32_t, Feeding>> looked_at(Feeder const& feeder) {
    std::map<Key, std::pair<std::int32_t, Feeding>> keys;
    auto const add_unit = [&](std::int32_t unit) {
        keys[{Feeding::Kind::transformer, unit, std::uint8_t{0}}] = {-1, {}};
        for (std::uint8_t w = 0; w < 3; ++w) keys[{Feeding::Kind::star_member, unit, w}] = {-1, {}};
    };
    for (auto const& tap : feeder.tap_changers.rows()) add_unit(tap.transformer.value());
    for (auto const& capacitor : feeder.capacitors.rows()) {
        auto const& at = capacitor.control.monitored;
        switch (at.kind) {
            case ElementKind::line: keys[{Feeding::Kind::line, at.element, std::uint8_t{0}}] = {-1, {}}; break;
            case ElementKind::switch_: keys[{Feeding::Kind::switch_, at.element, std::uint8_t{0}}] = {-1, {}}; break;
            case ElementKind::series_compensator:
                keys[{Feeding::Kind::series_compensator, at.element, std::uint8_t{0}}] = {-1, {}};
                break;
            case ElementKind::transformer: add_unit(at.element); break;
            default: break;
        }
    }
    return keys;
}

/// Where they lie on the tree: vertex and feeding of each.
class Places {
  public:
    Places(Feeder const& feeder, Tree const& tree) : feeder_{feeder}, tree_{tree}, places_{looked_at(feeder)} {
        for (std::size_t v = 0; v < tree.vertices.size(); ++v)
            for (std::int32_t f = 0; f < tree.vertices[v].feedings; ++f) {
                auto const& feeding = tree.feedings[static_cast<std::size_t>(tree.vertices[v].first_feeding + f)];
                if (auto const place = places_.find({feeding.kind, feeding.element, feeding.winding});
                    place != places_.end())
                    place->second = {static_cast<std::int32_t>(v), feeding};
            }
    }

    /// The terminal `end` (0, 1) of an element with two.
    [[nodiscard]] Monitor two_ended(Feeding::Kind kind, std::int32_t element, std::size_t end,
                                    Index<feeder::Bus> bus) const {
        auto const found = places_.find({kind, element, std::uint8_t{0}});
        if (found == places_.end() || found->second.first < 0) return of_bus(bus);
        auto const& [vertex, feeding] = found->second;
        return {.vertex = vertex, .kind = kind, .element = element, .lower = feeding.upstream != end};
    }
    [[nodiscard]] Monitor of_winding(Index<Transformer> id, std::size_t w) const {
        auto const& unit = feeder_.transformers[id];
        if (auto const found = places_.find({Feeding::Kind::star_member, id.value(), static_cast<std::uint8_t>(w)});
            found != places_.end() && found->second.first >= 0) {
            auto const& [vertex, feeding] = found->second;
            // A star member's ends are its bus (0) and the star point (1).
            return {.vertex = vertex,
                    .kind = Feeding::Kind::star_member,
                    .element = id.value(),
                    .winding = static_cast<std::uint8_t>(w),
                    .lower = feeding.upstream == 1};
        }
        return two_ended(Feeding::Kind::transformer, id.value(), w == 0 ? 0 : 1, unit.winding[w].bus);
    }
    [[nodiscard]] Monitor of_bus(Index<feeder::Bus> bus) const {
        return {.vertex = bus.valid() ? tree_.vertex_of_bus[bus.at()] : -1};
    }

  private:
    Feeder const& feeder_;
    Tree const& tree_;
    std::map<Key, std::pair<std::int32_t, Feeding>> places_;  // vertex -1: carries nothing
};

Monitor of_tap_changer(Feeder const& feeder, Places const& places, feeder::TapChanger const& tap, ControlSeat& seat) {
    auto const& unit = feeder.transformers[tap.transformer];
    std::size_t winding = tap.winding;
    if (auto const bus = tap.control.monitored.bus; bus.valid()) {
        for (winding = 0; winding < unit.winding.size(); ++winding)
            if (unit.winding[winding].bus == bus) break;
        if (winding == unit.winding.size()) return places.of_bus(bus);
    }
    seat.winding = static_cast<std::int8_t>(winding);
    return places.of_winding(tap.transformer, winding);
}

Monitor of_capacitor(Places const& places, feeder::Capacitor const& capacitor) {
    auto const& at = capacitor.control.monitored;
    std::size_t const end = at.terminal > 1 ? 1 : 0;
    auto const two_ended = [&](Feeding::Kind kind) { return places.two_ended(kind, at.element, end, at.bus); };
    switch (at.kind) {
        case ElementKind::line: return two_ended(Feeding::Kind::line);
        case ElementKind::switch_: return two_ended(Feeding::Kind::switch_);
        case ElementKind::series_compensator: return two_ended(Feeding::Kind::series_compensator);
        case ElementKind::transformer: return places.of_winding(Index<Transformer>{at.element}, end);
        default: return places.of_bus(at.bus.valid() ? at.bus : capacitor.bus);
    }
}

}  // namespace

Monitoring find_monitors(Feeder const& feeder, Tree const& tree) {
    Monitoring all{.of_tap_changer = std::vector<ControlSeat>(feeder.tap_changers.size()),
                   .of_capacitor = std::vector<ControlSeat>(feeder.capacitors.size())};
    auto const acts = [](feeder::RegulatorControl const& control) { return control.present && control.enabled; };
    auto const taps = feeder.tap_changers.rows();
    auto const capacitors = feeder.capacitors.rows();
    bool const any = std::ranges::any_of(taps, [&](auto const& t) { return acts(t.control) && t.control_enabled; }) ||
                     std::ranges::any_of(capacitors, [&](auto const& c) { return acts(c.control); });
    if (!any) return all;
    Places const places{feeder, tree};
    auto const add = [&](Monitor monitor, ControlSeat& seat) {
        seat.control = monitor.control = static_cast<std::int64_t>(all.monitors.size());
        all.monitors.push_back(monitor);
    };
    for (std::size_t t = 0; t < taps.size(); ++t)
        if (acts(taps[t].control) && taps[t].control_enabled)
            add(of_tap_changer(feeder, places, taps[t], all.of_tap_changer[t]), all.of_tap_changer[t]);
    for (std::size_t c = 0; c < capacitors.size(); ++c)
        if (acts(capacitors[c].control)) add(of_capacitor(places, capacitors[c]), all.of_capacitor[c]);
    return all;
}

}  // namespace dec::partition
