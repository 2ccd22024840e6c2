/// \file phases.hpp
/// Phases of the primary (A, B, C) and legs of a split-phase secondary (s1, s2).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace dec::feeder {

enum class Phase : std::uint8_t { a, b, c, s1, s2 };

/// Conductor in a phase list as utilities write it ("AN", "s1N", "ABC"); neutral is the reference.
enum class Conductor : std::uint8_t { none, a, b, c, s1, s2, neutral };

inline constexpr std::array all_phases{Phase::a, Phase::b, Phase::c, Phase::s1, Phase::s2};

/// Row of a phase in every three-phase array: A 0, B 1, C 2; s1 0, s2 1.
[[nodiscard]] constexpr std::size_t slot(Phase phase) {
    auto const code = static_cast<std::size_t>(phase);
    return code < 3 ? code : code - 3;
}
[[nodiscard]] constexpr bool is_leg(Phase phase) { return phase == Phase::s1 || phase == Phase::s2; }
/// "A", "B", "C", "s1", "s2".
[[nodiscard]] std::string_view to_text(Phase phase);
[[nodiscard]] std::optional<Phase> phase_from_text(std::string_view text);
/// The phase a conductor stands for; nothing for the neutral.
[[nodiscard]] std::optional<Phase> phase_of(Conductor conductor);

/// A set of phases; iterate with `for (Phase p : set.list())`.
class PhaseSet {
  public:
    constexpr PhaseSet() = default;
    constexpr PhaseSet(std::initializer_list<Phase> phases) {
        for (Phase p : phases) insert(p);
    }
    [[nodiscard]] static constexpr PhaseSet abc() { return {Phase::a, Phase::b, Phase::c}; }
    [[nodiscard]] static constexpr PhaseSet split() { return {Phase::s1, Phase::s2}; }

    constexpr void insert(Phase p) { bits_ = static_cast<std::uint8_t>(bits_ | bit(p)); }
    [[nodiscard]] constexpr bool contains(Phase p) const { return (bits_ & bit(p)) != 0; }
    [[nodiscard]] constexpr bool contains(PhaseSet other) const { return (bits_ & other.bits_) == other.bits_; }
    [[nodiscard]] constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    [[nodiscard]] constexpr bool has_legs() const { return (bits_ & 0b11000U) != 0; }
    [[nodiscard]] constexpr bool has_primary() const { return (bits_ & 0b00111U) != 0; }
    /// Rank of `p` among the members in the order A, B, C, s1, s2. \pre contains(p)
    [[nodiscard]] constexpr std::size_t position(Phase p) const {
        return static_cast<std::size_t>(std::popcount(static_cast<std::uint8_t>(bits_ & (bit(p) - 1U))));
    }
    [[nodiscard]] constexpr PhaseSet operator|(PhaseSet o) const { return PhaseSet(bits_ | o.bits_); }
    [[nodiscard]] constexpr PhaseSet operator&(PhaseSet o) const { return PhaseSet(bits_ & o.bits_); }
    [[nodiscard]] constexpr PhaseSet operator-(PhaseSet o) const { return PhaseSet(bits_ & ~o.bits_); }
    constexpr bool operator==(PhaseSet const&) const = default;

    /// Members in the order A, B, C, s1, s2.
    class List {
      public:
        constexpr explicit List(PhaseSet set) {
            for (Phase p : all_phases)
                if (set.contains(p)) members_[count_++] = p;
        }
        [[nodiscard]] constexpr Phase const* begin() const { return members_.data(); }
        [[nodiscard]] constexpr Phase const* end() const { return members_.data() + count_; }

      private:
        std::array<Phase, 5> members_{};
        std::size_t count_ = 0;
    };
    [[nodiscard]] constexpr List list() const { return List{*this}; }

  private:
    template <class Bits>
    constexpr explicit PhaseSet(Bits bits) : bits_{static_cast<std::uint8_t>(bits)} {}
    [[nodiscard]] static constexpr std::uint8_t bit(Phase p) {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(p));
    }
    std::uint8_t bits_ = 0;
};

/// "ABC", "AC", "s1s2"; "-" for the empty set.
[[nodiscard]] std::string to_text(PhaseSet set);

/// The two phases of a device connected between phases that CIM and OpenDSS name by one letter:
/// A is A-B, B is B-C, C is C-A. First of the pair leads the second by 120 degrees.
[[nodiscard]] constexpr std::array<Phase, 2> delta_pair(Phase p) {
    switch (p) {
        case Phase::a: return {Phase::a, Phase::b};
        case Phase::b: return {Phase::b, Phase::c};
        case Phase::c: return {Phase::c, Phase::a};
        default: return {Phase::s1, Phase::s2};
    }
}

}  // namespace dec::feeder
