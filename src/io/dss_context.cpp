#include "dss_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dec/core/uuid.hpp"
#include "dec/feeder/tree.hpp"

namespace dec::io::dss {

// ---- what was said

void Said::finding(std::string problem, std::string remedy) const {
    context_.circuit.finding(setting_.place, describe(object_), std::move(problem), std::move(remedy));
}

std::optional<double> Said::value_of(Value value) const {
    auto const number = value.bracketed ? context_.calculator.evaluate(value.text) : plain_number(value.text);
    if (!number || !std::isfinite(*number)) {
        finding(fmt::format("{} = \"{}\" is no number", name_, value.text),
                "give a number, or an expression like (8 1000 /)");
        return std::nullopt;
    }
    return number;
}

double Said::number() const { return value_of(setting_.value).value_or(0.0); }

int Said::integer() const {
    auto const value = std::round(number());
    if (std::abs(value) > 1e6) {
        finding(fmt::format("{} = {} is out of all bounds", name_, text()), "give a small whole number");
        return 0;
    }
    return static_cast<int>(value);
}

bool Said::is_delta() const { return starts_with(text(), "d") || starts_with(text(), "ll"); }

std::vector<double> Said::numbers() const {
    std::vector<double> list;
    auto const take = [&](std::string_view text) {
        Words words{text, true};
        while (auto const word = words.next()) {
            if (word->value.text.empty()) continue;
            if (auto const value = value_of(word->value)) list.push_back(*value);
            else return false;
        }
        return true;
    };
    Words first{text()};
    auto const file = first.next();
    if (!file || !equal(file->name, "file")) {
        take(text());
        return list;
    }
    auto const opened = context_.circuit.sources.open(file->value.text, context_.circuit.sources.folder(place().file));
    if (!opened) {
        finding(fmt::format("{} is to be read from {}, which is not there", name_, file->value.text),
                "correct its name, or put it there");
        return list;
    }
    std::string_view rows = context_.circuit.sources.text(*opened);
    while (!rows.empty()) {
        auto const end = std::min(rows.find('\n'), rows.size());
        if (!take(rows.substr(0, end))) break;
        rows.remove_prefix(std::min(end + 1, rows.size()));
    }
    return list;
}

Eigen::MatrixXd Said::matrix(int order) const {
    Eigen::MatrixXd m = Eigen::MatrixXd::Zero(order, order);
    Words words{text(), true};
    int row = 0, column = 0;
    while (auto const word = words.next()) {
        if (!word->value.text.empty()) {
            auto const value = value_of(word->value);
            if (!value) return m;
            if (row >= order || column >= order) {
                finding(fmt::format("{} has more than {} rows or columns", name_, order),
                        "give as many as there are phases, and that number before");
                return m;
            }
            m(row, column) = *value;
            m(column, row) = *value;
            ++column;
        }
        if (words.row_ends()) ++row, column = 0;
    }
    return m;
}

std::vector<std::string_view> Said::texts() const {
    std::vector<std::string_view> list;
    Words words{text()};
    while (auto const word = words.next())
        if (!word->value.text.empty()) list.push_back(word->value.text);
    return list;
}

// ---- buses

BusSpec parse_bus(std::string_view text, std::size_t conductors, std::size_t phases) {
    BusSpec spec;
    spec.nodes.resize(conductors, 0);
    for (std::size_t i = 0; i < std::min(phases, conductors); ++i) spec.nodes[i] = static_cast<int>(i) + 1;
    auto dot = text.find('.');
    spec.name = lower_case(text.substr(0, dot));
    for (std::size_t i = 0; dot != std::string_view::npos && i < conductors; ++i) {
        text.remove_prefix(dot + 1);
        dot = text.find('.');
        spec.nodes[i] = static_cast<int>(plain_number(text.substr(0, dot)).value_or(-1.0));
    }
    return spec;
}

double rated_volts(double kv, bool is_delta, std::size_t phases) {
    return !is_delta && (phases == 2 || phases == 3) ? kv * 1e3 / std::numbers::sqrt3 : kv * 1e3;
}

std::optional<double> metres_of(std::string_view unit) {
    if (starts_with(unit, "no") || unit.empty()) return std::nullopt;
    if (starts_with(unit, "mi")) return 1609.344;
    if (starts_with(unit, "kf")) return 304.8;
    if (starts_with(unit, "km")) return 1000.0;
    if (equal(unit, "m") || starts_with(unit, "me")) return 1.0;
    if (starts_with(unit, "f")) return 0.3048;
    if (starts_with(unit, "in")) return 0.0254;
    if (starts_with(unit, "cm")) return 0.01;
    if (starts_with(unit, "mm")) return 0.001;
    return std::nullopt;
}

Context::Context(Circuit& read) : circuit{read} {
    feeder.heading.name = read.name;
    feeder.heading.mrid = mrid("circuit");
    feeder.heading.substation = feeder.heading.subregion = feeder.heading.region = read.name;
    feeder.heading.substation_mrid = mrid("substation");
    feeder.heading.subregion_mrid = mrid("subregion");
    feeder.heading.region_mrid = mrid("region");
}

void Context::replay(Object const& object, std::function<void(Said const&)> const& play) {
    for (auto const& setting : object.settings) play(Said{*this, object, setting});
}

void Context::finding(Object const& object, std::string problem, std::string remedy) {
    circuit.finding(object.place, describe(object), std::move(problem), std::move(remedy));
}

void Context::assume(std::string_view what, Object const& object, std::string_view note) {
    circuit.report.add(what, Use::assumed,
                       fmt::format("{}, {}", describe(object), circuit.sources.describe(object.place)), note);
}

Object const* Context::reference(Said const& said, Class kind) {
    auto const* const found = circuit.find(kind, said.text());
    if (found == nullptr)
        said.finding(fmt::format("{} = {} is not there", said.name(), said.text()),
                     "define it first, or correct the name");
    return found;
}

double Context::interpolate(Object const& curve, double x) {
    auto const [place, is_new] = curves_.try_emplace(curve.name);
    auto& points = place->second;
    if (is_new) {
        std::vector<double> xs, ys;
        replay(curve, [&](Said const& said) {
            if (said.is("xarray")) xs = said.numbers();
            if (said.is("yarray")) ys = said.numbers();
            if (!said.is("points") && !said.is("csvfile")) return;
            auto const pairs = said.numbers();
            xs.clear(), ys.clear();
            for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) xs.push_back(pairs[i]), ys.push_back(pairs[i + 1]);
        });
        for (std::size_t i = 0; i < std::min(xs.size(), ys.size()); ++i) points.emplace_back(xs[i], ys[i]);
        if (points.empty()) finding(curve, "has no points", "give xarray and yarray");
    }
    if (points.empty()) return 1.0;
    if (points.size() == 1) return points.front().second;
    // Beyond its ends OpenDSS goes on in the direction of the last two points.
    std::size_t k = 1;
    while (k + 1 < points.size() && x > points[k].first) ++k;
    auto const [xa, ya] = points[k - 1];
    auto const [xb, yb] = points[k];
    return xa == xb ? yb : ya + (x - xa) * (yb - ya) / (xb - xa);
}

Index<feeder::Bus> Context::bus(std::string_view name) {
    auto const [place, is_new] = buses_.try_emplace(std::string{name});
    if (is_new) {
        feeder::Bus row;
        if (auto const at = circuit.coordinates.find(place->first); at != circuit.coordinates.end())
            row.x = at->second.x, row.y = at->second.y;
        place->second = feeder.buses.add(row, name, mrid(fmt::format("bus.{}", name)));
        first_at_.push_back(begun_);
    }
    return place->second;
}

std::optional<Phase> Context::phase(std::string const& bus_name, int node) const {
    if (node < 1 || node > 3) return std::nullopt;
    if (!is_split(bus_name)) return static_cast<Phase>(node - 1);
    if (node == 3) return std::nullopt;
    return node == 1 ? Phase::s1 : Phase::s2;
}

feeder::Conductor Context::conductor(std::string const& bus_name, int node) const {
    auto const p = phase(bus_name, node);
    if (!p) return feeder::Conductor::neutral;
    return static_cast<feeder::Conductor>(static_cast<int>(*p) + 1);
}

Seats Context::seats(Object const& object, BusSpec const& spec, bool is_delta, std::size_t phases) {
    Seats result;
    auto const add = [&](Phase p) {
        result.phases.insert(p);
        result.share[feeder::slot(p)] += 1.0 / static_cast<double>(phases);
    };
    auto const between = [&](Phase a, Phase b) -> std::optional<Phase> {
        for (Phase p : feeder::all_phases) {
            auto const [m, n] = feeder::delta_pair(p);
            if (p != Phase::s2 && ((m == a && n == b) || (m == b && n == a))) return p;
        }
        return std::nullopt;
    };
    auto const refuse = [&] {
        finding(object, fmt::format("is on no phase, or on two at once, at bus {}", spec.name),
                "connect its phases to nodes 1, 2 and 3, or between two of them");
    };
    auto const at = [&](std::size_t k) { return phase(spec.name, spec.nodes[k % spec.nodes.size()]); };
    bool const is_between = is_delta || (phases == 1 && at(0) && at(1));
    if (is_between) {
        result.connection = feeder::Connection::delta;
        for (std::size_t i = 0; i < phases; ++i) {
            auto const a = at(i), b = at(i + 1);
            auto const pair = a && b ? between(*a, *b) : std::nullopt;
            if (!pair) {
                if (a && !b && phases == 1) {  // a delta of one phase whose other end is at ground
                    result.connection = feeder::Connection::wye;
                    add(*a);
                    continue;
                }
                refuse();
                return result;
            }
            add(*pair);
        }
        return result;
    }
    for (std::size_t i = 0; i < phases; ++i) {
        auto const p = at(i);
        if (!p) {
            refuse();
            return result;
        }
        add(*p);
    }
    if (spec.nodes.back() > 3) assume("neutral conductor", object, "at a node of its own: taken as grounded");
    return result;
}

std::string Context::mrid(Object const& object) const { return mrid(describe(object)); }
std::string Context::mrid(std::string_view what) const {
    return core::name_uuid(fmt::format("opendss {}", circuit.name), what);
}

ReadFeeder Context::finish() {
    auto& findings = circuit.findings;
    if (findings.empty()) return {std::move(feeder), std::move(circuit.report)};
    for (auto& further : feeder::further_findings(feeder, true)) findings.push_back(std::move(further));
    throw core::InvalidInput{std::move(findings)};
}

}  // namespace dec::io::dss
