#include "dec/feeder/phases.hpp"

namespace dec::feeder {

std::string_view to_text(Phase phase) {
    static constexpr std::array<std::string_view, 5> names{"A", "B", "C", "s1", "s2"};
    return names[static_cast<std::size_t>(phase)];
}

std::optional<Phase> phase_from_text(std::string_view text) {
    for (Phase p : all_phases)
        if (to_text(p) == text) return p;
    return std::nullopt;
}

std::optional<Phase> phase_of(Conductor conductor) {
    if (conductor == Conductor::none || conductor == Conductor::neutral) return std::nullopt;
    return static_cast<Phase>(static_cast<std::uint8_t>(conductor) - 1);
}

std::string to_text(PhaseSet set) {
    if (set.empty()) return "-";
    std::string text;
    for (Phase p : set.list()) text += to_text(p);
    return text;
}

}  // namespace dec::feeder
