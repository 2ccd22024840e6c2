/// Two feeders side by side: rows are paired by name, then every field of every pair is compared.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>

#include "dec/feeder/fields.hpp"

namespace dec::feeder {

namespace {

constexpr std::int32_t unpaired = -1;

/// For each row of one table the row of the other that stands for the same thing, or `unpaired`.
struct Pairing {
    std::vector<std::int32_t> second_of;
    std::vector<std::int32_t> only_in_second;
};

/// Pairs rows of equal key, in their tables' order where several have the same, and takes them out of both lists.
void pair_equal(std::vector<std::int32_t>& first, std::vector<std::int32_t>& second, auto const& key_of_first,
                auto const& key_of_second, Pairing& pairing) {
    std::ranges::stable_sort(first, {}, key_of_first);
    std::ranges::stable_sort(second, {}, key_of_second);
    std::vector<std::int32_t> first_left;
    std::vector<std::int32_t> second_left;
    auto b = second.begin();
    for (auto const row : first) {
        auto const key = key_of_first(row);
        for (; b != second.end() && key_of_second(*b) < key; ++b) second_left.push_back(*b);
        if (b != second.end() && key_of_second(*b) == key) pairing.second_of[static_cast<std::size_t>(row)] = *b++;
        else first_left.push_back(row);
    }
    second_left.insert(second_left.end(), b, second.end());
    first = std::move(first_left);
    second = std::move(second_left);
}

/// By name; where several rows share one, the mRID says which is meant.
template <class Row>
Pairing pair_rows(Table<Row> const& first, Table<Row> const& second) {
    Pairing pairing;
    pairing.second_of.assign(first.size(), unpaired);
    std::vector<std::int32_t> rows_first(first.size());
    std::vector<std::int32_t> rows_second(second.size());
    std::iota(rows_first.begin(), rows_first.end(), 0);
    std::iota(rows_second.begin(), rows_second.end(), 0);
    auto const name_of = [](Table<Row> const& table) {
        return [&table](std::int32_t row) { return table.name(Index<Row>{row}); };
    };
    auto const name_and_mrid_of = [](Table<Row> const& table) {
        return [&table](std::int32_t row) {
            return std::pair{table.name(Index<Row>{row}), table.mrid(Index<Row>{row})};
        };
    };
    pair_equal(rows_first, rows_second, name_and_mrid_of(first), name_and_mrid_of(second), pairing);
    pair_equal(rows_first, rows_second, name_of(first), name_of(second), pairing);
    pairing.only_in_second = std::move(rows_second);
    std::ranges::sort(pairing.only_in_second);
    return pairing;
}

/// Both feeders with all pairings; knows when two fields say the same, and how to write one.
class Comparison {
  public:
    Comparison(Feeder const& first, Feeder const& second, double tolerance)
        : first_{first}, second_{second}, tolerance_{tolerance} {
        for_each_table(first_, [&]<class Row>(std::string_view, Table<Row> const& table) {
            pairings_.emplace(&table, pair_rows(table, table_of<Row>(second_)));
        });
    }

    template <class Row>
    [[nodiscard]] Pairing const& pairing(Table<Row> const& table_of_first) const {
        return pairings_.at(&table_of_first);
    }

    [[nodiscard]] bool same(double a, double b) const {
        if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
        return a == b || std::abs(a - b) <= tolerance_ * std::max(std::abs(a), std::abs(b));
    }
    template <class T>
        requires std::integral<T> || std::is_enum_v<T> || std::same_as<T, PhaseSet> || std::same_as<T, std::string>
    [[nodiscard]] bool same(T const& a, T const& b) const { return a == b; }
    template <class Row>
    [[nodiscard]] bool same(Index<Row> a, Index<Row> b) const {
        if (!a.valid() || !b.valid()) return a.valid() == b.valid();
        return pairing(table_of<Row>(first_)).second_of[a.at()] == b.value();
    }
    [[nodiscard]] bool same(TerminalRef const& a, TerminalRef const& b) const {
        static_assert(detail::arity<TerminalRef>() == 4);
        return a.kind == b.kind && a.terminal == b.terminal && same(a.bus, b.bus) &&
               visit_element(first_, a.kind, true, [&]<class Row>(Table<Row> const&) {
                   return same(Index<Row>{a.element}, Index<Row>{b.element});
               });
    }
    template <class T, std::size_t N>
    [[nodiscard]] bool same(std::array<T, N> const& a, std::array<T, N> const& b) const {
        for (std::size_t i = 0; i < N; ++i)
            if (!same(a[i], b[i])) return false;
        return true;
    }

    template <class T>
    [[nodiscard]] static std::string text([[maybe_unused]] Feeder const& feeder, T const& value) {
        if constexpr (std::same_as<T, PhaseSet> || std::same_as<T, Phase>) return std::string{to_text(value)};
        else if constexpr (std::is_enum_v<T>) return std::string{literal(value)};
        else return fmt::format("{}", value);
    }
    template <class Row>
    [[nodiscard]] static std::string text(Feeder const& feeder, Index<Row> index) {
        return index.valid() ? std::string{table_of<Row>(feeder).name(index)} : "none";
    }
    [[nodiscard]] static std::string text(Feeder const& feeder, TerminalRef const& at) {
        return visit_element(feeder, at.kind, std::string{"none"}, [&]<class Row>(Table<Row> const&) {
            return fmt::format("{} {} terminal {} at bus {}", literal(at.kind), text(feeder, Index<Row>{at.element}),
                               at.terminal, text(feeder, at.bus));
        });
    }
    template <class T, std::size_t N>
    [[nodiscard]] static std::string text(Feeder const& feeder, std::array<T, N> const& values) {
        std::string all = "[";
        for (auto const& value : values) all += (all.size() > 1 ? ", " : "") + text(feeder, value);
        return all + "]";
    }

  private:
    /// `visit(table)` of the table that a kind of element is in; `otherwise` for none.
    template <class Result, class Visit>
    static Result visit_element(Feeder const& feeder, ElementKind kind, Result otherwise, Visit const& visit) {
        switch (kind) {
            case ElementKind::line: return visit(feeder.lines);
            case ElementKind::switch_: return visit(feeder.switches);
            case ElementKind::series_compensator: return visit(feeder.series_compensators);
            case ElementKind::bank: return visit(feeder.banks);
            case ElementKind::transformer: return visit(feeder.transformers);
            case ElementKind::tap_changer: return visit(feeder.tap_changers);
            case ElementKind::load: return visit(feeder.loads);
            case ElementKind::capacitor: return visit(feeder.capacitors);
            case ElementKind::pv: return visit(feeder.pv_systems);
            case ElementKind::battery: return visit(feeder.batteries);
            case ElementKind::machine: return visit(feeder.machines);
            case ElementKind::source: return visit(feeder.sources);
            case ElementKind::none: break;
        }
        return otherwise;
    }

    Feeder const& first_;
    Feeder const& second_;
    double tolerance_;
    std::map<void const*, Pairing> pairings_;  // by table of the first feeder
};

/// Lines of one table, put into the order of its rows at the end.
class Lines {
  public:
    void add(std::int32_t row, std::string line) { lines_.emplace_back(row, std::move(line)); }
    void append_to(std::vector<std::string>& all) {
        std::ranges::stable_sort(lines_, {}, &std::pair<std::int32_t, std::string>::first);
        for (auto& [row, line] : lines_) all.push_back(std::move(line));
    }

  private:
    std::vector<std::pair<std::int32_t, std::string>> lines_;
};

std::string difference(std::string_view element, std::string_view field, std::string const& a, std::string const& b,
                       std::string_view unit = {}) {
    auto const suffix = unit.empty() || unit == "1" ? std::string{} : fmt::format(" {}", unit);
    return fmt::format("{}: {} is {}{} in the first, {}{} in the second", element, field, a, suffix, b, suffix);
}

/// An identity that one side leaves open is no difference.
bool same_identity(std::string_view a, std::string_view b) { return a.empty() || b.empty() || a == b; }

/// Texts beside a table, one per row: names and mRIDs.
struct Texts {
    std::string_view field;
    core::TextColumn const& first;
    core::TextColumn const& second;
    bool identity;
};

template <class Row>
void compare_rows(Comparison const& comparison, Feeder const& first, Feeder const& second, std::string_view label,
                  std::vector<Texts> const& texts, std::vector<std::string>& all) {
    auto const& a = table_of<Row>(first);
    auto const& b = table_of<Row>(second);
    auto const& pairing = comparison.pairing(a);
    Lines lines;
    auto const for_each_pair = [&](auto const& compare) {
        for (auto id : a.ids())
            if (auto const partner = pairing.second_of[id.at()]; partner != unpaired)
                compare(id, typename Table<Row>::Id{partner});
    };

    for (auto id : a.ids())
        if (pairing.second_of[id.at()] == unpaired)
            lines.add(id.value(), describe(label, a, id) + ": only in the first");
    for (auto const& [field, text_a, text_b, identity] : texts)
        for_each_pair([&](auto i, auto k) {
            auto const x = text_a[i.at()];
            auto const y = text_b[k.at()];
            if (identity ? !same_identity(x, y) : x != y)
                lines.add(i.value(), difference(describe(label, a, i), field, std::string{x}, std::string{y}));
        });
    visit_fields<Row>([&](std::string const& field, std::string_view unit, auto const& access) {
        for_each_pair([&](auto i, auto k) {
            auto const& x = access(a[i]);
            auto const& y = access(b[k]);
            if (!comparison.same(x, y))
                lines.add(i.value(), difference(describe(label, a, i), field, Comparison::text(first, x),
                                                Comparison::text(second, y), unit));
        });
    });
    for (auto row : pairing.only_in_second)
        lines.add(static_cast<std::int32_t>(a.size()),
                  describe(label, b, typename Table<Row>::Id{row}) + ": only in the second");
    lines.append_to(all);
}

/// The texts that belong to a table's rows.
template <class Row>
std::vector<Texts> texts_of(Feeder const& first, Feeder const& second) {
    std::vector<Texts> texts{{"mRID", table_of<Row>(first).mrids(), table_of<Row>(second).mrids(), true}};
    auto const add_connection = [&](auto names, auto mrids) {
        texts.push_back({"connection name", first.*names, second.*names, false});
        texts.push_back({"connection mRID", first.*mrids, second.*mrids, true});
    };
    if constexpr (std::same_as<Row, PvSystem>)
        add_connection(&Feeder::pv_connection_names, &Feeder::pv_connection_mrids);
    if constexpr (std::same_as<Row, Battery>)
        add_connection(&Feeder::battery_connection_names, &Feeder::battery_connection_mrids);
    return texts;
}

/// The names of the whole model as far as both state them, but for where it was read from.
void compare_headings(Heading const& a, Heading const& b, std::vector<std::string>& all) {
    visit_fields<Heading>([&](std::string const& field, std::string_view, auto const& access) {
        if (&access(a) != &a.origin && !same_identity(access(a), access(b)))
            all.push_back(difference("feeder", field, access(a), access(b)));
    });
}

}  // namespace

std::vector<std::string> differences(Feeder const& a, Feeder const& b, double tolerance) {
    std::vector<std::string> all;
    compare_headings(a.heading, b.heading, all);
    Comparison const comparison{a, b, tolerance};
    for_each_table(a, [&]<class Row>(std::string_view label, Table<Row> const&) {
        compare_rows<Row>(comparison, a, b, label, texts_of<Row>(a, b), all);
    });
    return all;
}

}  // namespace dec::feeder
