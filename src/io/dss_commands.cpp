/// \file dss_commands.cpp
/// The commands of a script. They only collect what is said of which object; those that would solve, show or export
/// something do nothing here.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "dss_circuit.hpp"
#include "dss_vocabulary.hpp"

namespace dec::io::dss {

namespace {

/// What they would change is not followed here: a model read without them would be another one.
constexpr std::array<std::string_view, 6> refused_commands{"allocateloads", "makeposseq",      "reduce",
                                                           "reconductor",   "setloadandgenkv", "remove"};

/// "class.name": the class up to the first dot.
struct FullName {
    std::string_view kind, name;
};
FullName full_name(std::string_view text) {
    auto const dot = text.find('.');
    if (dot == std::string_view::npos) return {{}, text};
    return {text.substr(0, dot), text.substr(dot + 1)};
}

class Interpreter {
  public:
    explicit Interpreter(Circuit& circuit) : circuit_{circuit} {
        for (std::size_t i = 0; i < class_count; ++i) uses_[i].resize(properties(static_cast<Class>(i)).size());
    }

    void run(std::uint32_t file) {
        running_.push_back(file);
        auto const before = place_;
        place_ = {file, 0};
        std::string_view text = circuit_.sources.text(file);
        bool in_comment = false;
        while (!text.empty()) {
            auto const end = std::min(text.find('\n'), text.size());
            auto line = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            ++place_.line;
            line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
            in_comment = in_comment || line.starts_with("/*");
            if (in_comment) in_comment = line.find("*/") == std::string_view::npos;
            else if (!line.empty() && line.front() != '!' && !line.starts_with("//")) command(line);
        }
        place_ = before;
        running_.pop_back();
    }

    void report_uses() {
        for (std::size_t i = 0; i < class_count; ++i) {
            auto const kind = static_cast<Class>(i);
            for (std::size_t k = 0; k < uses_[i].size(); ++k)
                if (uses_[i][k].count > 0)
                    circuit_.report.add(fmt::format("{}.{}", name_of(kind), properties(kind)[k].name),
                                        properties(kind)[k].has_meaning ? Use::read : Use::ignored, uses_[i][k].example,
                                        {}, uses_[i][k].count);
        }
    }

  private:
    struct Counted {
        std::int64_t count = 0;
        std::string example;
    };

    void finding(std::string element, std::string problem, std::string remedy) {
        circuit_.finding(place_, std::move(element), std::move(problem), std::move(remedy));
    }
    [[noreturn]] void give_up() { throw core::InvalidInput{std::move(circuit_.findings)}; }

    void command(std::string_view line) {
        if (line.front() == '~') return edit_active(Words{line.substr(1)});
        Words words{line};
        auto const first = words.next();
        if (!first) return;
        if (!first->name.empty()) return set_property(*first, words);
        auto const word = first->value.text;
        if (word.empty()) return;
        auto const name = known_command(word);
        if (name.empty()) return circuit_.unknown(fmt::format("command {}", lower_case(word)), place_, "first met");
        if (std::ranges::find(refused_commands, name) != refused_commands.end())
            return finding(fmt::format("command {}", name),
                           "would change the circuit in a way that is not followed here",
                           "carry it out in OpenDSS, save the circuit and read that");
        carry_out(name, words);
    }

    void carry_out(std::string_view name, Words& words) {
        if (name == "new") return make(words);
        if (name == "edit") return edit_named(words);
        if (name == "more" || name == "m") return edit_active(words);
        if (name == "redirect" || name == "compile") return redirect(words);
        if (name == "clear" || name == "clearall") {
            circuit_.clear();
            active_.reset();
            return;
        }
        if (name == "set") return set_options(words);
        if (name == "open" || name == "close") return operate(words, name == "open");
        if (name == "enable" || name == "disable") return enable(words, name == "enable");
        if (name == "batchedit") return edit_all(words);
        if (name == "calcvoltagebases") {
            circuit_.options.has_calculated_bases = true;
            return;
        }
        if (name == "setkvbase") return set_base(words);
        if (name == "buscoords") return read_coordinates(words, false);
        if (name == "latlongcoords" || name == "giscoords") return read_coordinates(words, true);
        if (name == "setbusxy") return set_coordinates(words);
        if (name == "var") return set_variables(words);
        if (name == "select") return select(words);
        circuit_.report.add(fmt::format("command {}", name), Use::ignored, circuit_.sources.describe(place_));
    }

    // ---- objects

    void check_brackets(Words const& words, std::string const& element) {
        if (words.is_open())
            finding(element, "a bracket or quote is opened and not closed in this line", "close it in the same line");
    }

    void make(Words& words) {
        auto const first = words.next();
        if (!first || first->value.text.empty())
            return finding("new", "names no object", "write for example New Line.name bus1=… bus2=…");
        auto const [kind_name, object_name] = full_name(first->value.text);
        if (equal(kind_name, "circuit")) return make_circuit(object_name, words);
        auto const kind = class_of(kind_name);
        active_.reset();
        if (!kind)
            return circuit_.unknown(fmt::format("class {}", lower_case(kind_name)), place_,
                                    lower_case(first->value.text));
        last_class_ = *kind;
        if (properties(*kind).empty()) {
            circuit_.report.add(lower_case(kind_name), Use::ignored, lower_case(object_name));
            ignores_active_ = true;
            return;
        }
        if (circuit_.name.empty())
            finding(lower_case(first->value.text), "comes before any circuit", "begin with New Circuit.name");
        if (auto const* other = circuit_.find(*kind, object_name))
            finding(describe(*other),
                    fmt::format("is defined a second time, first in {}", circuit_.sources.describe(other->place)),
                    "remove one of them, or write Edit");
        activate(circuit_.add(*kind, object_name, place_));
        edit(circuit_.objects(*kind).back(), words);
    }

    void make_circuit(std::string_view name, Words& words) {
        if (!circuit_.name.empty()) finding(fmt::format("circuit {}", name), "is a second circuit", "begin with Clear");
        circuit_.name = name.empty() ? std::string{"circuit"} : lower_case(name);
        auto& source = circuit_.add(Class::vsource, "source", place_);
        activate(source);
        edit(source, words);
    }

    void activate(Object const& object) {
        active_ = {object.kind, static_cast<std::size_t>(&object - circuit_.objects(object.kind).data())};
        ignores_active_ = false;
        last_class_ = object.kind;
    }

    void edit_active(Words words) {
        if (ignores_active_) return;
        if (!active_) return circuit_.unknown("lines that continue nothing", place_, "first met");
        edit(circuit_.objects(active_->kind)[active_->row], words);
    }

    /// The object that a text names, made active; nothing, with a finding, if there is none.
    Object* named(std::string_view text) {
        auto [kind_name, object_name] = full_name(text);
        active_.reset();
        ignores_active_ = true;
        if (equal(kind_name, "circuit")) kind_name = "vsource", object_name = "source";
        auto const kind = kind_name.empty() ? std::optional{last_class_} : class_of(kind_name);
        if (!kind) {
            circuit_.unknown(fmt::format("class {}", lower_case(kind_name)), place_, lower_case(text));
            return nullptr;
        }
        if (properties(*kind).empty()) {
            circuit_.report.add(lower_case(kind_name), Use::ignored, lower_case(object_name));
            return nullptr;
        }
        auto* const object = circuit_.find(*kind, object_name);
        if (object == nullptr) {
            finding(lower_case(text), "is changed, and there is no such object",
                    "define it first, or correct the name");
            return nullptr;
        }
        activate(*object);
        return object;
    }

    void edit_named(Words& words) {
        auto const first = words.next();
        if (!first) return;
        if (auto* const object = named(first->value.text)) edit(*object, words);
    }

    void select(Words& words) {
        if (auto const first = words.next()) static_cast<void>(named(first->value.text));
    }

    /// class.object.property = value, and more of the same object behind it.
    void set_property(Parameter const& first, Words& words) {
        auto const dot = first.name.rfind('.');
        if (dot == std::string_view::npos) {
            if (ignores_active_) return;
            if (!active_)
                return circuit_.unknown(fmt::format("{} of no object", lower_case(first.name)), place_, "first met");
            return edit(circuit_.objects(active_->kind)[active_->row], words, Parameter{first});
        }
        auto* const object = named(first.name.substr(0, dot));
        if (object != nullptr) edit(*object, words, Parameter{first.name.substr(dot + 1), first.value});
    }

    void edit(Object& object, Words& words, std::optional<Parameter> first = std::nullopt) {
        auto const& known = properties(object.kind);
        std::size_t next = 0;
        for (auto parameter = first ? first : words.next(); parameter; parameter = words.next()) {
            if (parameter->value.text.empty()) break;
            auto const place =
                parameter->name.empty() ? std::optional{next} : property_place(object.kind, parameter->name);
            if (!place || *place >= known.size()) {
                auto const what =
                    parameter->name.empty() ? fmt::format("{} without a name", next + 1) : lower_case(parameter->name);
                circuit_.unknown(fmt::format("{}.{}", name_of(object.kind), what), place_, describe(object));
                continue;
            }
            next = *place + 1;
            auto& use = uses_[static_cast<std::size_t>(object.kind)][*place];
            if (use.count++ == 0) use.example = object.name;
            take(object, *place, expanded(parameter->value));
        }
        if (!object.settings.empty()) object.settings.back().ends_edit = true;
        check_brackets(words, describe(object));
    }

    void take(Object& object, std::size_t property, Value value) {
        auto const& description = properties(object.kind)[property];
        if (description.name == "enabled") {
            object.enabled = truth(value.text);
        } else if (description.name == "like") {
            copy(object, value.text);
        } else if (description.has_meaning) {
            object.settings.push_back({static_cast<std::uint8_t>(property), false, value, place_});
        }
    }

    /// All that was said of the other but where it is.
    void copy(Object& object, std::string_view name) {
        auto const* const other = circuit_.find(object.kind, name);
        if (other == nullptr)
            return finding(describe(object), fmt::format("is to be like {}, which is not there", name),
                           "define that first, or correct the name");
        auto const settings = other->settings;
        for (auto const& setting : settings)
            if (!properties(object.kind)[setting.property].name.starts_with("bus")) object.settings.push_back(setting);
    }

    void edit_all(Words& words) {
        auto const first = words.next();
        if (!first) return;
        auto const [kind_name, pattern] = full_name(first->value.text);
        auto const kind = class_of(kind_name);
        if (!kind)
            return circuit_.unknown(fmt::format("class {}", lower_case(kind_name)), place_,
                                    lower_case(first->value.text));
        if (pattern.find_first_of("[](){}|\\") != std::string_view::npos)
            return finding(fmt::format("batchedit {}", first->value.text),
                           "uses brackets, bars or backslashes in its pattern", "use letters and . * + ? ^ $ only");
        for (auto& object : circuit_.objects(*kind)) {
            if (!matches(pattern, object.name)) continue;
            auto same_words = words;
            edit(object, same_words);
        }
    }

    /// A value with its variables (@name) replaced.
    Value expanded(Value value) {
        if (variables_.empty() || value.text.find('@') == std::string_view::npos) return value;
        std::string text;
        auto rest = value.text;
        while (!rest.empty()) {
            auto const at = rest.find('@');
            text += rest.substr(0, at);
            if (at == std::string_view::npos) break;
            rest.remove_prefix(at);
            auto const end = std::min(rest.find_first_of(" \t,=.^|", 1), rest.size());
            auto const found = variables_.find(lower_case(rest.substr(0, end)));
            text += found == variables_.end() ? rest.substr(0, end) : std::string_view{found->second};
            rest.remove_prefix(end);
        }
        return {circuit_.sources.keep(std::move(text)), value.bracketed};
    }

    void set_variables(Words& words) {
        while (auto const parameter = words.next()) {
            if (parameter->name.empty()) continue;
            auto const value = expanded(parameter->value);
            variables_[lower_case(parameter->name)] =
                value.bracketed ? fmt::format("({})", value.text) : std::string{value.text};
        }
    }

    // ---- files

    void redirect(Words& words) {
        auto const first = words.next();
        if (!first || first->value.text.empty()) return;
        check_brackets(words, "redirect");
        auto const name = expanded(first->value).text;
        auto const file = circuit_.sources.open(name, circuit_.sources.folder(place_.file));
        if (!file) {
            finding(fmt::format("redirect {}", name), "there is no such file", "correct its name, or put it there");
            give_up();
        }
        if (std::ranges::find(running_, *file) != running_.end()) {
            finding(fmt::format("redirect {}", name), "leads back to a file that is being read",
                    "remove one of the redirects");
            give_up();
        }
        run(*file);
    }

    void read_coordinates(Words& words, bool latitude_first) {
        auto const first = words.next();
        if (!first) return;
        auto const file = circuit_.sources.open(first->value.text, circuit_.sources.folder(place_.file));
        if (!file) {
            circuit_.report.add("coordinates", Use::assumed, fmt::format("{}", circuit_.sources.describe(place_)),
                                fmt::format("{} is not there: buses have none of it", first->value.text));
            return;
        }
        std::string_view text = circuit_.sources.text(*file);
        while (!text.empty()) {
            auto const end = std::min(text.find('\n'), text.size());
            Words row{text.substr(0, end)};
            text.remove_prefix(std::min(end + 1, text.size()));
            auto const name = row.next(), a = row.next(), b = row.next();
            if (!name || !a || !b) continue;
            auto const x = plain_number(a->value.text), y = plain_number(b->value.text);
            if (!x || !y) continue;
            auto const place = latitude_first ? Coordinates{*y, *x} : Coordinates{*x, *y};
            if (latitude_first) circuit_.coordinates.try_emplace(lower_case(name->value.text), place);
            else circuit_.coordinates.insert_or_assign(lower_case(name->value.text), place);
        }
    }

    void set_coordinates(Words& words) {
        std::array<std::string_view, 3> values;
        for (auto& value : values)
            if (auto const parameter = words.next()) value = parameter->value.text;
        auto const x = plain_number(values[1]), y = plain_number(values[2]);
        if (x && y) circuit_.coordinates.insert_or_assign(lower_case(values[0]), Coordinates{*x, *y});
    }

    // ---- states

    void operate(Words& words, bool open) {
        auto const first = words.next();
        if (!first) return;
        auto* const object = named(first->value.text);
        static_cast<void>(words.next());  // which terminal: an open conductor carries nothing at either end
        auto const conductor = words.next();
        if (object == nullptr) return;
        auto const number = conductor ? plain_number(conductor->value.text).value_or(0.0) : 0.0;
        constexpr std::size_t most_conductors = 4;
        if (number < 0.0 || number > static_cast<double>(most_conductors))
            return finding(describe(*object), fmt::format("has no conductor {}", number), "name one from 1 to 4");
        auto const place = static_cast<std::size_t>(number);
        if (place != 0 && object->kind != Class::line)
            return finding(describe(*object), "one conductor of it is opened or closed",
                           "only lines have conductors of their own here; name no conductor");
        object->open.resize(most_conductors);
        if (place == 0) std::ranges::fill(object->open, open);
        else object->open[place - 1] = open ? 1 : 0;
    }

    void enable(Words& words, bool enabled) {
        auto const first = words.next();
        if (!first) return;
        if (auto* const object = named(first->value.text)) object->enabled = enabled;
    }

    void set_base(Words& words) {
        auto const bus = words.next(), kv = words.next();
        if (!bus || !kv) return;
        auto const value = plain_number(kv->value.text);
        if (!value || !(*value > 0.0))
            return finding(fmt::format("setkvbase {}", bus->value.text),
                           fmt::format("\"{}\" is no voltage", kv->value.text), "give kVLL or kVLN in kV");
        circuit_.forced_base_kv[lower_case(bus->value.text)] =
            equal(kv->name, "kvln") ? *value : *value / std::numbers::sqrt3;
    }

    // ---- options

    std::optional<double> number(Parameter const& option) {
        auto const value =
            option.value.bracketed ? calculator_.evaluate(option.value.text) : plain_number(option.value.text);
        if (!value)
            finding(fmt::format("set {}", option.name), fmt::format("\"{}\" is no number", option.value.text),
                    "give a number");
        return value;
    }

    void set_options(Words& words) {
        while (auto parameter = words.next()) {
            if (parameter->name.empty()) continue;
            parameter->value = expanded(parameter->value);
            set_option(*parameter);
        }
        check_brackets(words, "set");
    }

    void set_option(Parameter const& option) {
        auto& values = circuit_.options;
        auto const name = known_option(option.name);
        auto const text = option.value.text;
        if (name.empty()) return circuit_.unknown(fmt::format("set {}", lower_case(option.name)), place_, "first met");
        if (name == "voltagebases") {
            std::vector<double> bases;
            Words list{text};
            while (auto const base = list.next())
                if (auto const kv = plain_number(base->value.text); kv && *kv > 0.0) bases.push_back(*kv);
            if (bases.empty())
                return finding("set voltagebases", fmt::format("\"{}\" holds no voltage", text), "give them in kV");
            values.voltage_bases_kv = std::move(bases);
        } else if (name == "loadmult") {
            if (auto const value = number(option)) values.load_multiplier = *value;
        } else if (name == "genmult") {
            if (auto const value = number(option)) values.generation_multiplier = *value;
        } else if (name == "defaultbasefrequency" || name == "basefrequency") {
            if (auto const value = number(option)) values.frequency_hz = *value;
        } else if (name == "earthmodel") {
            values.earth = starts_with(text, "f")   ? EarthModel::carson
                           : starts_with(text, "d") ? EarthModel::deri
                                                    : EarthModel::modified_carson;
        } else if (name == "cktmodel" && !starts_with(text, "m")) {
            finding("set cktmodel", fmt::format("{} is not supported", text), "circuits are multiphase here");
        } else if (name == "allocationfactors") {
            allocate(option.value);
        } else if (name == "element" || name == "object") {
            static_cast<void>(named(text));
        } else {
            circuit_.report.add(fmt::format("set {}", name), Use::ignored, circuit_.sources.describe(place_));
        }
    }

    void allocate(Value value) {
        auto const factor = property_place(Class::load, "allocationfactor"),
                   size = property_place(Class::load, "xfkva");
        for (auto& load : circuit_.objects(Class::load))
            if (std::ranges::find(load.settings, *size, &Setting::property) != load.settings.end())
                load.settings.push_back({static_cast<std::uint8_t>(*factor), true, value, place_});
    }

    struct Active {
        Class kind;
        std::size_t row;
    };

    Circuit& circuit_;
    Place place_;
    std::vector<std::uint32_t> running_;  // files that are being read, the outermost first
    std::optional<Active> active_;
    bool ignores_active_ = false;  // what is active has no meaning here, and neither have its further lines
    Class last_class_ = Class::line;
    std::map<std::string, std::string> variables_;
    Calculator calculator_;
    std::array<std::vector<Counted>, class_count> uses_;
};

}  // namespace

Circuit run_script(std::string const& path) {
    Circuit circuit;
    auto const file = circuit.sources.open(path, {});
    Interpreter interpreter{circuit};
    interpreter.run(*file);
    interpreter.report_uses();
    return circuit;
}

}  // namespace dec::io::dss
