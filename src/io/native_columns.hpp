/// \file native_columns.hpp
/// How each field of a row lies in a native file: one number per value, what a code stands for, what may stand there.
#pragma once

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dec/core/hdf5.hpp"
#include "dec/feeder/fields.hpp"

namespace dec::io::native {

using core::Index;
using feeder::Feeder;
using feeder::PhaseSet;

/// Where a kind of element is in the file; the labels are those of feeder::for_each_table.
inline constexpr std::array groups{
    std::pair<std::string_view, std::string_view>{"bus", "/buses"},
    std::pair<std::string_view, std::string_view>{"line code", "/impedances/line_codes"},
    std::pair<std::string_view, std::string_view>{"line", "/branches/lines"},
    std::pair<std::string_view, std::string_view>{"switch", "/switches"},
    std::pair<std::string_view, std::string_view>{"series compensator", "/branches/series_compensators"},
    std::pair<std::string_view, std::string_view>{"transformer code", "/impedances/transformer_codes"},
    std::pair<std::string_view, std::string_view>{"transformer bank", "/branches/transformer_banks"},
    std::pair<std::string_view, std::string_view>{"transformer", "/branches/transformers"},
    std::pair<std::string_view, std::string_view>{"tap changer", "/branches/tap_changers"},
    std::pair<std::string_view, std::string_view>{"load model", "/load_models"},
    std::pair<std::string_view, std::string_view>{"load", "/loads"},
    std::pair<std::string_view, std::string_view>{"capacitor", "/shunts/capacitors"},
    std::pair<std::string_view, std::string_view>{"pv", "/ders/pv"},
    std::pair<std::string_view, std::string_view>{"battery", "/ders/batteries"},
    std::pair<std::string_view, std::string_view>{"machine", "/ders/machines"},
    std::pair<std::string_view, std::string_view>{"source", "/sources"},
    std::pair<std::string_view, std::string_view>{"area", "/areas"},
    std::pair<std::string_view, std::string_view>{"measurement", "/measurements"},
};
[[nodiscard]] constexpr std::string_view group_of(std::string_view label) {
    for (auto const& [known, group] : groups)
        if (known == label) return group;
    return {};
}

/// "lines" of "/branches/lines".
[[nodiscard]] constexpr std::string_view table_name(std::string_view group) {
    return group.substr(group.rfind('/') + 1);
}

template <class Row>
[[nodiscard]] std::string_view label_of() {
    static Feeder const none;
    std::string_view found;
    feeder::for_each_table(none, [&]<class Other>(std::string_view label, feeder::Table<Other> const&) {
        if constexpr (std::same_as<Row, Other>) found = label;
    });
    return found;
}

/// What one value of a field is in the file.
template <class T>
struct Coding;

template <>
struct Coding<double> {
    using Stored = double;
    static std::string meaning() { return {}; }
    static double encode(double value) { return value; }
    static bool decode(double stored, double& value) {
        value = stored;
        return true;
    }
};

template <std::signed_integral T>
struct Coding<T> {
    using Stored = std::int32_t;
    static std::string meaning() { return {}; }
    static Stored encode(T value) { return value; }
    static bool decode(Stored stored, T& value) {
        value = static_cast<T>(stored);
        return std::in_range<T>(stored);
    }
};

template <>
struct Coding<std::uint8_t> {
    using Stored = std::uint8_t;
    static std::string meaning() { return {}; }
    static Stored encode(std::uint8_t value) { return value; }
    static bool decode(Stored stored, std::uint8_t& value) {
        value = stored;
        return true;
    }
};

template <>
struct Coding<bool> {
    using Stored = std::uint8_t;
    static std::string meaning() { return "0 no, 1 yes"; }
    static Stored encode(bool value) { return value ? 1 : 0; }
    static bool decode(Stored stored, bool& value) {
        value = stored == 1;
        return stored <= 1;
    }
};

template <class T>
    requires std::is_enum_v<T>
struct Coding<T> {
    using Stored = std::uint8_t;
    static std::string_view literal(std::size_t code) {
        if constexpr (std::same_as<T, feeder::Phase>) return to_text(feeder::all_phases[code]);
        else return feeder::literals<T>[code];
    }
    static constexpr std::size_t count() {
        if constexpr (std::same_as<T, feeder::Phase>) return feeder::all_phases.size();
        else return feeder::literals<T>.size();
    }
    static std::string meaning() {
        std::string text;
        for (std::size_t code = 0; code < count(); ++code)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", code, literal(code));
        return text;
    }
    static Stored encode(T value) { return static_cast<Stored>(value); }
    static bool decode(Stored stored, T& value) {
        value = static_cast<T>(stored);
        return stored < count();
    }
};

template <>
struct Coding<PhaseSet> {
    using Stored = std::uint8_t;
    static std::string meaning() { return "sum of 1 A, 2 B, 4 C, 8 s1, 16 s2"; }
    static Stored encode(PhaseSet value) {
        unsigned bits = 0;
        for (auto phase : feeder::all_phases)
            if (value.contains(phase)) bits |= 1U << static_cast<unsigned>(phase);
        return static_cast<Stored>(bits);
    }
    static bool decode(Stored stored, PhaseSet& value) {
        value = {};
        for (auto phase : feeder::all_phases)
            if ((stored >> static_cast<unsigned>(phase) & 1U) != 0) value.insert(phase);
        return stored >> feeder::all_phases.size() == 0;
    }
};

template <class Row>
struct Coding<Index<Row>> {
    using Stored = std::int32_t;
    static std::string meaning() { return fmt::format("row of `{}`, -1 none", group_of(label_of<Row>())); }
    static Stored encode(Index<Row> value) { return value.value(); }
    static bool decode(Stored stored, Index<Row>& value) {
        value = Index<Row>{stored};
        return stored >= -1;
    }
};

/// A field as its single values: arrays, also of arrays, lie one value after the other.
template <class T>
struct Flat {
    using Value = T;
    static constexpr std::size_t size = 1;
    template <class Field, class Visit>
    static void visit(Field& field, Visit&& each) {
        each(field);
    }
};
template <class T, std::size_t N>
struct Flat<std::array<T, N>> {
    using Value = typename Flat<T>::Value;
    static constexpr std::size_t size = N * Flat<T>::size;
    template <class Field, class Visit>
    static void visit(Field& field, Visit&& each) {
        for (auto& entry : field) Flat<T>::visit(entry, each);
    }
};

/// As feeder::visit_fields, with a terminal taken apart: calls `visit(type, name, unit, meaning, access)` for every
/// dataset, `type` being a std::type_identity of the field.
template <class Row, class Visit>
void visit_columns(Visit&& visit) {
    static Row const example{};
    feeder::visit_fields<Row>([&](std::string const& name, std::string_view unit, auto const& access) {
        using Field = std::remove_cvref_t<decltype(access(example))>;
        auto const column = [&]<class T>(std::type_identity<T> type, std::string const& full, auto const& place,
                                         std::string const& meaning) { visit(type, full, unit, meaning, place); };
        if constexpr (std::same_as<Field, feeder::TerminalRef>) {
            auto const part = [&]<class T>(std::string_view suffix, T feeder::TerminalRef::*member,
                                           std::string const& meaning) {
                column(
                    std::type_identity<T>{}, fmt::format("{}_{}", name, suffix),
                    [ access, member ](auto& row) -> auto& { return access(row).*member; }, meaning);
            };
            part("kind", &feeder::TerminalRef::kind, Coding<feeder::ElementKind>::meaning());
            part("element", &feeder::TerminalRef::element, "row of the table of that kind, -1 none");
            part("terminal", &feeder::TerminalRef::terminal, "its number, from 1");
            part("bus", &feeder::TerminalRef::bus, Coding<Index<feeder::Bus>>::meaning());
        } else {
            column(std::type_identity<Field>{}, name, access, Coding<typename Flat<Field>::Value>::meaning());
        }
    });
}

/// Calls `visit(name, meaning, column)` for the texts beside the rows of a table.
template <class Row, class AnyTable, class AnyFeeder, class Visit>
void visit_texts(AnyTable& table, AnyFeeder& feeder, Visit&& visit) {
    visit("name", "Name", table.names());
    visit("mrid", "mRID, empty where it has none", table.mrids());
    auto const visit_connection = [&](auto& names, auto& mrids) {
        visit("connection_name", "Name of its converter", names);
        visit("connection_mrid", "mRID of its converter", mrids);
    };
    if constexpr (std::same_as<Row, feeder::PvSystem>)
        visit_connection(feeder.pv_connection_names, feeder.pv_connection_mrids);
    if constexpr (std::same_as<Row, feeder::Battery>)
        visit_connection(feeder.battery_connection_names, feeder.battery_connection_mrids);
}

template <class Stored>
[[nodiscard]] constexpr core::BlockKind kind_of() {
    if constexpr (std::same_as<Stored, double>) return core::BlockKind::real;
    else if constexpr (std::same_as<Stored, std::int32_t>) return core::BlockKind::int32;
    else return core::BlockKind::uint8;
}

}  // namespace dec::io::native
