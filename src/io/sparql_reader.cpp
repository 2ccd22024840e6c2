/// \file sparql_reader.cpp
/// The objects of one feeder out of a store that may hold many: along the associations the builder follows, a query for
/// everything at the same distance, in pages.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <tuple>
#include <unordered_set>

#include "cim_associations.hpp"
#include "cim_reader.hpp"
#include "dec/core/error.hpp"
#include "dec/io/sparql.hpp"
#include "sparql_endpoint.hpp"

namespace dec::io {

namespace {

namespace link = cim::link;
using cim::Association;
using cim::reversed;

constexpr std::string_view cim_namespace = "http://iec.ch/TC57/CIM100#";
constexpr std::string_view type_of = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
constexpr std::size_t page_rows = 50'000;
constexpr std::size_t links_asked_at_once = 2'000;

// ---- where the objects are

/// A property path of SPARQL 1.1.
class Path {
  public:
    Path() = default;  ///< leads nowhere: the feeder itself
    Path(Association association) : text_{fmt::format("(c:{}|^c:{})", association.here, association.there)} {}
    Path(std::initializer_list<Path> alternatives) {
        for (auto const& alternative : alternatives) text_.append(text_.empty() ? "(" : "|").append(alternative.text_);
        text_ += ')';
    }
    [[nodiscard]] friend Path operator/(Path const& first, Path const& then) {
        Path path;
        path.text_ = first.text_ + "/" + then.text_;
        return path;
    }
    [[nodiscard]] std::string const& text() const { return text_; }

  private:
    std::string text_;
};

/// Objects that one query asks for.
struct Group {
    std::string_view what;
    Path path;  ///< from the feeder
};

/// Everything of a feeder that the builder looks at. Objects may be in several groups.
std::vector<Group> groups() {
    Path const substation{link::substation_of_feeder};
    Path const area{reversed(link::feeder_of_area)};
    Path const switch_area = area / reversed(link::feeder_area_of_area);
    Path const equipment{reversed(link::container_of_equipment)};
    Path const terminals = equipment / link::terminals_of_equipment;
    Path const limit_sets = terminals / link::limit_sets_of_terminal;
    Path const limits = limit_sets / link::limits_of_set;
    Path const datasheets{link::datasheet_of_resource, link::assets_of_resource / Path{link::datasheet_of_asset}};
    Path const wires_of_lines = equipment / link::phases_of_line;
    Path const ends =
        equipment / Path{link::ends_of_transformer, link::tanks_of_transformer / Path{link::ends_of_tank}};
    Path const tap_changers = ends / reversed(link::end_of_tap_changer);
    Path const transformer_infos{link::info_of_transformer, datasheets};
    Path const infos = equipment / Path{link::tanks_of_transformer / Path{link::info_of_tank, datasheets},
                                        transformer_infos, transformer_infos / link::tank_infos_of_info};
    Path const end_infos = infos / link::end_infos_of_info;
    return {
        {"the feeder", {}},
        {"the substation", substation},
        {"the subregion", substation / link::region_of_substation},
        {"the region", substation / link::region_of_substation / link::region_of_subregion},
        {"feeder areas", area},
        {"switch areas", switch_area},
        {"secondary areas", switch_area / reversed(link::switch_area_of_area)},
        {"nodes", reversed(link::container_of_node)},
        {"equipment", equipment},
        {"terminals", terminals},
        {"limit sets", limit_sets},
        {"limits", limits},
        {"types of limits", limits / link::type_of_limit},
        {"measurements",
         {terminals / reversed(link::terminal_of_measurement), equipment / reversed(link::resource_of_measurement)}},
        {"parts of equipment",
         equipment / Path{link::phases_of_line, link::phases_of_switch, link::phases_of_load, link::phases_of_capacitor,
                          link::phases_of_inverter, link::units_of_inverter, link::phases_of_machine,
                          link::tanks_of_transformer, link::control_of_capacitor}},
        {"what equipment refers to",
         equipment / Path{link::voltage_of_equipment, link::impedance_of_line, link::spacing_of_line,
                          link::response_of_load, link::location_of_resource, link::assets_of_resource, datasheets}},
        {"entries of line codes", equipment / link::impedance_of_line / link::entries_of_code},
        {"positions of wires", equipment / Path{link::spacing_of_line, datasheets} / link::positions_of_spacing},
        {"wires", wires_of_lines / Path{link::wire_of_phase, link::assets_of_resource, datasheets}},
        {"places", equipment / link::location_of_resource / link::points_of_location},
        {"transformer ends", ends},
        {"what ends refer to", ends / Path{link::voltage_of_end, link::meshes_from, link::star_of_end,
                                           link::core_of_end, reversed(link::end_of_tap_changer)}},
        {"controls of tap changers", tap_changers / link::control_of_tap_changer},
        {"measurements of tap changers", tap_changers / reversed(link::resource_of_measurement)},
        {"assets of tanks", equipment / link::tanks_of_transformer / link::assets_of_resource},
        {"transformer catalogues", infos},
        {"windings of catalogues", end_infos},
        {"tests of catalogues", end_infos / Path{link::tests_energising, link::no_load_tests}},
    };
}

std::string question(std::string_view what, std::string const& where, std::string_view how = {}) {
    return fmt::format("PREFIX c: <{}>\nSELECT {} WHERE {{ {} }} {}", cim_namespace, what, where, how);
}

/// Subjects of a group, each once, as ?s.
std::string subjects(std::string const& feeder, Group const& group) {
    if (group.path.text().empty()) return fmt::format("VALUES ?s {{ <{}> }}", feeder);
    return fmt::format("{{ SELECT DISTINCT ?s WHERE {{ <{}> {} ?s }} }}", feeder, group.path.text());
}

// ---- feeders

struct Found {
    ListedFeeder listed;
    std::string subject;
};

std::vector<Found> feeders_of(Endpoint& endpoint) {
    static constexpr std::array<std::string_view, 4> variables{"feeder", "mrid", "name", "substation"};
    auto rows = endpoint.select(
        question("DISTINCT ?feeder ?mrid ?name ?substation",
                 fmt::format("?feeder a c:Feeder . OPTIONAL {{ ?feeder c:IdentifiedObject.mRID ?mrid }} "
                             "OPTIONAL {{ ?feeder c:IdentifiedObject.name ?name }} "
                             "OPTIONAL {{ ?feeder {}/c:IdentifiedObject.name ?substation }}",
                             Path{link::substation_of_feeder}.text())),
        variables);
    std::vector<Found> found;
    for (auto& row : rows) {
        if (row[0].kind != Term::Kind::resource) continue;
        auto& one = found.emplace_back();
        one.subject = row[0].text;
        one.listed = {std::move(row[2].text), std::move(row[1].text), std::move(row[3].text)};
        if (one.listed.mrid.empty()) one.listed.mrid = cim::bare_identifier(one.subject);
        if (one.listed.name.empty()) one.listed.name = one.listed.mrid;
    }
    std::ranges::sort(
        found, {}, [](Found const& one) { return std::tie(one.listed.name, one.listed.mrid, one.listed.substation); });
    return found;
}

std::string listed(std::vector<Found> const& all) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(most, all.size()); ++i)
        text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", all[i].listed.mrid, all[i].listed.name);
    return all.size() > most ? text + fmt::format(" and {} more", all.size() - most) : text;
}

/// The feeder that an address means. mRIDs are compared without the underscore that older models put in front.
Found chosen(Endpoint& endpoint, EndpointAddress const& address) {
    auto const all = feeders_of(endpoint);
    auto const refuse = [&](std::string problem, std::string remedy) {
        throw core::InvalidInput{core::Finding{address.shown, {}, std::move(problem), std::move(remedy)}};
    };
    if (all.empty()) refuse("holds no cim:Feeder of CIM100", "upload one, for example with scripts/ingest_feeder");
    if (address.mrid.empty()) {
        if (all.size() > 1)
            refuse(fmt::format("holds {} feeders: {}", all.size(), listed(all)), "say which one: ?mrid=…");
        return all.front();
    }
    auto const wanted = cim::bare_identifier(address.mrid);
    std::vector<Found> same;
    for (auto const& one : all)
        if (cim::bare_identifier(one.listed.mrid) == wanted) same.push_back(one);
    if (same.empty()) refuse(fmt::format("holds no feeder with mRID {}", address.mrid), "there are " + listed(all));
    if (std::ranges::any_of(same, [&](Found const& one) { return one.subject != same.front().subject; }))
        refuse(fmt::format("holds {} feeders with mRID {}", same.size(), address.mrid), "remove all but one");
    return same.front();
}

// ---- triples

struct Triple {
    std::string_view subject, predicate, object;
    bool is_resource = false;
    auto operator<=>(Triple const&) const = default;
};

class Triples {
  public:
    explicit Triples(cim::Objects& objects) : objects_{objects} {}

    void add(std::vector<Term>& row) {
        all_.push_back({kept(row[0].text), kept(row[1].text), kept(row[2].text), row[2].kind == Term::Kind::resource});
    }
    /// Each once, subject after subject. The same whatever the order in which the store gave them.
    [[nodiscard]] std::vector<Triple> const& sorted() {
        std::ranges::sort(all_);
        auto const [first, last] = std::ranges::unique(all_);
        all_.erase(first, last);
        return all_;
    }

  private:
    /// Most texts come again and again.
    std::string_view kept(std::string& text) {
        auto const known = texts_.find(text);
        return known != texts_.end() ? *known : *texts_.insert(objects_.keep(std::move(text))).first;
    }

    cim::Objects& objects_;
    std::unordered_set<std::string_view> texts_;
    std::vector<Triple> all_;
};

std::size_t count_triples(Endpoint& endpoint, std::string const& where, Group const& group) {
    static constexpr std::array<std::string_view, 1> variables{"n"};
    auto const rows = endpoint.select(question("(COUNT(*) AS ?n)", where), variables);
    std::size_t count = 0;
    if (rows.size() == 1) {
        auto const& text = rows[0][0].text;
        auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (error == std::errc{} && end == text.data() + text.size()) return count;
    }
    endpoint.fail(fmt::format("does not say how much there is of {}", group.what), "see the server's log");
}

/// A server may give less than a page at once; only the count says that everything has come.
void fetch(Endpoint& endpoint, std::string const& feeder, Group const& group, Triples& triples) {
    static constexpr std::array<std::string_view, 3> variables{"s", "p", "o"};
    auto const where = subjects(feeder, group) + " ?s ?p ?o";
    auto const count = count_triples(endpoint, where, group);
    for (std::size_t got = 0; got < count;) {
        auto rows = endpoint.select(
            question("?s ?p ?o", where, fmt::format("ORDER BY ?s ?p ?o LIMIT {} OFFSET {}", page_rows, got)),
            variables);
        if (rows.empty())
            endpoint.fail(fmt::format("gives only {} of {} rows about {}", got, count, group.what),
                          "see whether the server limits answers, or somebody writes into the store");
        for (auto& row : rows) {
            if (row[0].kind != Term::Kind::resource || row[1].kind != Term::Kind::resource ||
                row[2].kind == Term::Kind::unbound)
                endpoint.fail(fmt::format("gives a row without subject, predicate or object about {}", group.what),
                              "see the server's log");
            triples.add(row);
        }
        got += rows.size();
    }
}

std::string_view local_name(std::string_view uri) { return uri.substr(uri.find_last_of("#/") + 1); }

/// The objects of the triples. \throws core::InvalidInput objects that are of no class, or of several.
void fill(cim::Objects& objects, std::vector<Triple> const& triples, std::string const& origin) {
    std::vector<core::Finding> findings;
    for (auto first = triples.begin(); first != triples.end();) {
        auto const last =
            std::find_if(first, triples.end(), [&](Triple const& triple) { return triple.subject != first->subject; });
        std::string_view class_name;
        for (auto triple = first; triple != last; ++triple) {
            if (triple->predicate != type_of || !triple->object.starts_with(cim_namespace)) continue;
            if (!class_name.empty())
                findings.push_back({origin, std::string{first->subject},
                                    fmt::format("is both {} and {}", class_name, local_name(triple->object)),
                                    "give it one class"});
            class_name = local_name(triple->object);
        }
        if (class_name.empty())
            findings.push_back({origin, std::string{first->subject}, "is of no CIM100 class",
                                "give it an rdf:type, or remove what refers to it"});
        objects.add(first->subject, class_name);
        for (auto triple = first; triple != last; ++triple) {
            if (triple->predicate == type_of) continue;
            if (triple->is_resource) objects.add_resource(local_name(triple->predicate), triple->object);
            else objects.add_text(local_name(triple->predicate), triple->object);
        }
        first = last;
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

/// Links may lead to objects that are in the store and not of this feeder; only what is not in the store is missing.
void find_elsewhere(Endpoint& endpoint, cim::Objects& objects, std::vector<Triple> const& triples) {
    static constexpr std::array<std::string_view, 1> variables{"s"};
    std::unordered_set<std::string_view> inside;
    for (auto const& triple : triples) inside.insert(triple.subject);
    std::vector<std::string_view> outside;
    for (auto const& triple : triples)
        if (triple.is_resource && triple.predicate != type_of && !inside.contains(triple.object) &&
            !triple.object.starts_with(cim_namespace) && triple.object.find_first_of("<>\" ") == std::string_view::npos)
            outside.push_back(triple.object);
    std::ranges::sort(outside);
    auto const [first_again, last] = std::ranges::unique(outside);
    outside.erase(first_again, last);
    for (std::size_t first = 0; first < outside.size(); first += links_asked_at_once) {
        std::string values;
        for (std::size_t i = first; i < std::min(first + links_asked_at_once, outside.size()); ++i)
            values.append("<").append(outside[i]).append("> ");
        auto rows =
            endpoint.select(question("DISTINCT ?s", fmt::format("VALUES ?s {{ {}}} ?s ?p ?o", values)), variables);
        for (auto& row : rows) objects.know_elsewhere(objects.keep(std::move(row[0].text)));
    }
}

Endpoint open(EndpointAddress const& address, ReadOptions const& options) {
    return {address, {.patience_s = options.endpoint_patience_s}};
}

}  // namespace

bool is_endpoint(std::string_view path) {
    return path.starts_with("sparql+http://") || path.starts_with("sparql+https://");
}

bool names_feeder(std::string_view address) { return !parse_endpoint(address).mrid.empty(); }

std::vector<ListedFeeder> list_feeders(std::string const& address, ReadOptions const& options) {
    auto endpoint = open(parse_endpoint(address), options);
    std::vector<ListedFeeder> all;
    for (auto& found : feeders_of(endpoint)) all.push_back(std::move(found.listed));
    return all;
}

ReadFeeder read_endpoint(std::string const& address, ReadOptions const& options) {
    auto const parsed = parse_endpoint(address);
    auto endpoint = open(parsed, options);
    auto const feeder = chosen(endpoint, parsed);
    cim::Objects objects;
    Triples triples{objects};
    for (auto const& group : groups()) fetch(endpoint, feeder.subject, group, triples);
    auto const& sorted = triples.sorted();
    fill(objects, sorted, parsed.shown);
    find_elsewhere(endpoint, objects, sorted);
    objects.connect();
    return cim::build_feeder(objects, parsed.shown, options);
}

}  // namespace dec::io
