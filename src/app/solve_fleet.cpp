#include "solve_fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "dec/core/archive.hpp"
#include "dec/core/memory.hpp"
#include "dec/core/output_file.hpp"
#include "dec/core/text.hpp"
#include "dec/core/work_queue.hpp"
#include "dec/io/fleet.hpp"
#include "dec/results/fleet_file.hpp"
#include "dec/results/messages.hpp"
#include "plan.hpp"
#include "signals.hpp"
#include "solve_feeder.hpp"

namespace dec::app {

namespace {

using results::FleetEntry;

/// A feeder of fewer buses is not solved faster by several ranks than by one.
constexpr double buses_worth_sharing = 20000.0;
/// One of more buses is solved by all ranks as fast as by one for each, and takes no rank's memory alone.
constexpr double buses_always_shared = 200000.0;
/// Results that a rank may keep until the root has time to write them.
constexpr std::size_t most_waiting = std::size_t{32} << 20;

/// Options that name something in one feeder, or a file that holds one.
void require_meant_for_fleets(SolveOptions const& options) {
    std::vector<core::Finding> findings;
    auto const of_one = [&](bool given, std::string option, std::string problem) {
        if (given)
            findings.push_back({{}, std::move(option), std::move(problem), "leave it out, or solve that feeder alone"});
    };
    of_one(!options.feeder.open.empty(), "--open", "names switches of one feeder, and this is a fleet");
    of_one(!options.feeder.close.empty(), "--close", "names switches of one feeder, and this is a fleet");
    of_one(options.contracts.has_value(), "--contracts", "names PV systems of one feeder, and this is a fleet");
    of_one(options.agent_messages.has_value(), "--agent-messages", "holds one feeder's agents, and this is a fleet");
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

/// The members as the root sees them, on all ranks. Collective.
io::Fleet read_everywhere(core::Communicator const& comm, std::string const& path) {
    io::Fleet fleet;
    std::vector<char> bytes;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        fleet = io::read_fleet(path);
        core::Packer pack;
        for (auto const& member : fleet.members) {
            for (auto const* text : {&member.name, &member.path, &member.group}) pack(*text);
            pack(member.buses);
            pack(member.row);
        }
        bytes = pack.take();
    });
    comm.broadcast(bytes);
    if (comm.is_root()) return fleet;
    core::Unpacker unpack{bytes};
    while (!unpack.exhausted()) {
        auto& member = fleet.members.emplace_back();
        for (auto* text : {&member.name, &member.path, &member.group}) unpack(*text);
        unpack(member.buses);
        unpack(member.row);
    }
    return fleet;
}

/// Feeders that all ranks solve together, and those that one rank solves; the largest first, so that the ranks end together.
struct Order {
    std::vector<std::size_t> shared, alone;
};
Order order_of(std::vector<io::FleetMember> const& members, int ranks) {
    std::vector<std::size_t> by_size(members.size());
    std::iota(by_size.begin(), by_size.end(), std::size_t{0});
    std::ranges::stable_sort(by_size, std::greater<>{}, [&](std::size_t i) { return members[i].buses; });
    double const all = std::accumulate(members.begin(), members.end(), 0.0,
                                       [](double sum, auto const& member) { return sum + member.buses; });
    double const from = std::clamp(all / ranks, buses_worth_sharing, buses_always_shared);
    Order order;
    for (auto const i : by_size) (ranks > 1 && members[i].buses > from ? order.shared : order.alone).push_back(i);
    return order;
}

/// What one rank, or all of them, made of one feeder.
struct Outcome {
    FleetEntry entry;
    std::vector<char> tables;  ///< of core::TableRecord; none where the answer has been written, or there is none
    std::string setpoints;     ///< lines of the CSV table; on the root of the feeder's ranks
};

std::vector<char> pack(std::size_t feeder, Outcome const& outcome) {
    core::Packer pack;
    auto const& entry = outcome.entry;
    pack(static_cast<std::int64_t>(feeder));
    pack(entry.code);
    pack(entry.first_rank);
    pack(entry.ranks);
    pack(entry.seconds);
    pack(entry.has_answer() ? entry.summary.dump() : std::string{});
    pack(static_cast<std::int64_t>(entry.findings.size()));
    for (auto const& finding : entry.findings) {
        for (auto const* text : {&finding.file, &finding.element, &finding.problem, &finding.remedy}) pack(*text);
        pack(finding.problems);
    }
    pack(static_cast<std::int64_t>(entry.warnings.size()));
    for (auto const& warning : entry.warnings) pack(warning);
    pack(outcome.setpoints);
    pack(outcome.tables);
    return pack.take();
}

std::pair<std::size_t, Outcome> unpack(std::vector<char> const& bytes) {
    core::Unpacker unpack{bytes};
    auto const number = [&] {
        std::int64_t value = 0;
        unpack(value);
        return static_cast<std::size_t>(value);
    };
    auto const feeder = number();
    Outcome outcome;
    auto& entry = outcome.entry;
    unpack(entry.code);
    unpack(entry.first_rank);
    unpack(entry.ranks);
    unpack(entry.seconds);
    std::string summary;
    unpack(summary);
    if (!summary.empty()) entry.summary = core::Json::parse(summary);
    entry.findings.resize(number());
    for (auto& finding : entry.findings) {
        for (auto* text : {&finding.file, &finding.element, &finding.problem, &finding.remedy}) unpack(*text);
        unpack(finding.problems);
    }
    entry.warnings.resize(number());
    for (auto& warning : entry.warnings) unpack(warning);
    unpack(outcome.setpoints);
    unpack(outcome.tables);
    return {feeder, std::move(outcome)};
}

/// Lines of the setpoints table in the order in which feeders end, on disk until they are in the fleet's.
class SetpointsFile {
  public:
    SetpointsFile(std::string path, std::size_t feeders, bool reactive)
        : path_{std::move(path)}, collected_{path_}, place_(feeders), reactive_{reactive} {}

    void add(std::size_t feeder, std::string const& lines) {
        collected_.write(lines);
        place_[feeder] = {end_, lines.size()};
        end_ += lines.size();
    }
    /// The file of the whole table, not yet under its name.
    [[nodiscard]] std::unique_ptr<core::OutputFile> in_order() const {
        auto file = std::make_unique<core::OutputFile>(path_);
        file->write(results::setpoints_header(reactive_, true));
        std::ifstream source{collected_.temporary(), std::ios::binary};
        for (auto const& [begin, size] : place_) {
            std::string lines(size, '\0');
            source.seekg(static_cast<std::streamoff>(begin));
            if (!source.read(lines.data(), static_cast<std::streamsize>(size)))
                throw core::SystemFailure{{path_, {}, "cannot be completed", "see whether the disk is full"}};
            file->write(lines);
        }
        return file;
    }

  private:
    struct Place {
        std::size_t begin = 0, size = 0;
    };
    std::string path_;
    core::OutputFile collected_;
    std::vector<Place> place_;
    std::size_t end_ = 0;
    bool reactive_;
};

/// One run over a fleet, on every rank of `context.comm`.
class FleetRun {
  public:
    FleetRun(Context& context, SolveOptions const& options, Question const& question, Progress& progress)
        : context_{context}, comm_{context.comm}, options_{options}, question_{question}, progress_{progress},
          fleet_{read_everywhere(comm_, options.feeder.path)}, order_{order_of(fleet_.members, comm_.size())} {
        for (auto const& warning : fleet_.warnings) context_.log.warning(warning);
        read_names_of_earlier_answers();
        for (auto const& member : fleet_.members)
            entries_.push_back({.name = member.name,
                                .source = member.path + member.group,
                                .code = core::ExitCode::interrupted,
                                .findings = {{{}, {}, "not begun when the run was stopped", "run it again"}},
                                .ranks = 0});
        run_ = {.version = DEC_VERSION,
                .command_line = context.command_line,
                .created = now_in_iso_8601(),
                .machine = machine_name(),
                .method = options.method,
                .policy = options.policy};
        if (question.policy->shared_fraction) run_.scope = to_text(question.scope);
        for (auto const& member : fleet_.members) all_buses_ += member.buses;
        std::vector<std::string> names;
        for (auto const& member : fleet_.members) names.push_back(member.name);
        message_folders_ = results::message_folders(names);
    }

    core::ExitCode run() {
        open_outputs();
        for (auto const feeder : order_.shared) {
            if (comm_.max(std::int64_t{signal_received()}) != 0) break;
            auto outcome = shared_outcome(feeder);
            core::together(comm_, [&] {
                if (comm_.is_root()) keep(feeder, std::move(outcome));
            });
        }
        if (file_) file_->continue_on_root(self_);
        run_alone();
        return finish();
    }

  private:
    void read_names_of_earlier_answers() {
        if (!options_.warm_start) return;
        core::together(comm_, [&] {
            core::Hdf5Reader const file{*options_.warm_start};
            auto const names = file.groups_in("/feeders");
            if (names.empty())
                throw core::InvalidInput{core::Finding{*options_.warm_start,
                                                       {},
                                                       "holds no answers of a fleet",
                                                       "give the results of dec solve of a fleet"}};
            earlier_ = {names.begin(), names.end()};
        });
    }

    void open_outputs() {
        if (options_.dry_run) return;
        if (!order_.shared.empty()) file_.emplace(comm_, options_.output);
        core::together(comm_, [&] {
            if (!comm_.is_root()) return;
            if (!file_) file_.emplace(self_, options_.output);
            if (options_.setpoints)
                setpoints_.emplace(*options_.setpoints, fleet_.members.size(), options_.reactive != "none");
        });
    }

    /// The options of the run, as they are for one feeder.
    [[nodiscard]] SolveOptions options_of(io::FleetMember const& member) const {
        auto options = options_;
        options.feeder.path = member.path;
        options.feeder.reading.group = member.group;
        options.feeder.reading.member = member.row;
        options.warm_start_group = results::fleet_group(member.name);
        if (!earlier_.contains(member.name)) options.warm_start.reset();
        return options;
    }

    /// Solves one feeder on the ranks of `comm` and hands its tables to `sink`. Collective over `comm`.
    Outcome solve_one(core::Communicator const& comm, std::size_t feeder, core::TableSink& sink) {
        auto const& member = fleet_.members[feeder];
        Outcome outcome;
        auto& entry = outcome.entry;
        entry.ranks = comm.size();
        entry.first_rank = comm.size() == 1 ? comm_.rank() : 0;
        Context context{.comm = comm, .command_line = context_.command_line, .log = core::Log{entry.warnings}};
        Clock total, clock;
        Progress silent;
        std::optional<Solved> solved;
        try {
            auto const options = options_of(member);
            if (options_.warm_start && !options.warm_start)
                entry.warnings.push_back(
                    fmt::format("{} has no answer of it; it begins from nothing", *options_.warm_start));
            auto opened = open_feeder(context, options, question_, silent, clock);
            if (options.dry_run) {
                auto const expected = plan(context, std::move(opened), options, question_, clock, pace_);
                pace_ = expected.seconds_per_vertex;
                entry.summary = to_json(expected);
            } else solved = solve_feeder(context, std::move(opened), options, question_, silent, clock);
        } catch (core::Error const& error) {
            entry.code = error.code();
            entry.findings = error.findings();
        }
        if (solved) give(context, feeder, *solved, sink, clock, total, outcome);
        entry.seconds = total.elapsed();
        return outcome;
    }

    /// What there is of an answer to where it belongs. Collective over `context.comm`.
    void give(Context& context, std::size_t feeder, Solved& solved, core::TableSink& sink, Clock& clock,
              Clock const& total, Outcome& outcome) {
        auto const& comm = context.comm;
        auto& entry = outcome.entry;
        entry.code = code_of(comm, solved.answer);
        results::write_answer(comm, sink, *solved.flow, solved.answer, solved.ac.get(), solved.summary, solved.run);
        if (options_.setpoints)
            outcome.setpoints = results::setpoints_lines(results::gather_setpoints(comm, solved.points),
                                                         options_.reactive != "none", &fleet_.members[feeder].name);
        try {
            if (options_.messages)
                static_cast<void>(
                    write_messages(context, solved, options_of(fleet_.members[feeder]),
                                   (std::filesystem::path{*options_.messages} / message_folders_[feeder]).string()));
        } catch (core::Error const& error) {  // the answer itself is none the worse
            entry.code = std::max(entry.code, error.code());
            entry.findings = error.findings();
        }
        solved.summary.seconds.write = clock.lap();
        solved.summary.seconds.total = total.elapsed();
        entry.summary = results::to_json(solved.summary);
    }

    /// Of a feeder that all ranks share; its tables are in the file then. Collective.
    Outcome shared_outcome(std::size_t feeder) {
        if (!file_) {
            core::TableRecord none;
            return solve_one(comm_, feeder, none);
        }
        file_->below(results::fleet_group(fleet_.members[feeder].name));
        return solve_one(comm_, feeder, *file_);
    }

    /// Of a feeder that this rank solves alone. Whatever happens, the other ranks go on.
    Outcome own_outcome(std::size_t feeder) {
        core::TableRecord tables;
        try {
            auto outcome = solve_one(self_, feeder, tables);
            if (outcome.entry.has_answer()) outcome.tables = tables.take();
            return outcome;
        } catch (std::bad_alloc const&) {
            return failure(core::ExitCode::system, "out of memory", "use a machine with more of it");
        } catch (std::exception const& error) {
            return failure(core::ExitCode::bug, fmt::format("internal error: {}", error.what()),
                           "please report it with the input");
        }
    }
    [[nodiscard]] Outcome failure(core::ExitCode code, std::string problem, std::string remedy) const {
        return {.entry = {.code = code,
                          .findings = {{{}, {}, std::move(problem), std::move(remedy)}},
                          .first_rank = comm_.rank()}};
    }

    void run_alone() {
        core::WorkQueue queue{comm_, static_cast<std::int64_t>(order_.alone.size()), most_waiting};
        // A full disk is found on the root alone; the others are told through the queue, and all together afterwards.
        std::optional<core::Error> failure;
        auto const keep_report = [&](std::vector<char> const& bytes) {
            if (failure) return;
            try {
                auto [feeder, outcome] = unpack(bytes);
                keep(feeder, std::move(outcome));
            } catch (core::Error const& error) {
                failure = error;
                queue.close();
            }
        };
        while (auto const item = signal_received() == 0 ? queue.next() : std::nullopt) {
            auto const feeder = order_.alone[static_cast<std::size_t>(*item)];
            auto report = pack(feeder, own_outcome(feeder));
            if (!comm_.is_root()) {
                queue.report(std::move(report));
                continue;
            }
            keep_report(report);
            queue.take(keep_report);
        }
        if (signal_received() != 0) queue.close();
        queue.finish(keep_report);
        core::together(comm_, [&] {
            if (failure) throw core::Error{*failure};
        });
    }

    /// On the root: what is known of a feeder goes to its place.
    void keep(std::size_t feeder, Outcome outcome) {
        auto& entry = entries_[feeder];
        outcome.entry.name = std::move(entry.name);
        outcome.entry.source = std::move(entry.source);
        entry = std::move(outcome.entry);
        ++done_;
        failed_ += entry.has_answer() ? 0 : 1;
        done_buses_ += fleet_.members[feeder].buses;
        if (!outcome.tables.empty()) {
            file_->below(results::fleet_group(entry.name));
            file_->replay(outcome.tables);
        }
        if (setpoints_) setpoints_->add(feeder, outcome.setpoints);
        progress_.feeders(done_, failed_, static_cast<std::int64_t>(fleet_.members.size()),
                          all_buses_ > 0.0 ? done_buses_ / all_buses_ : 0.0);
    }

    core::ExitCode finish() {
        auto code = core::ExitCode::solved;
        double const peak = comm_.max(core::measure_memory().peak);
        bool const stopped = comm_.max(std::int64_t{signal_received()}) != 0;
        auto const stop_code = stopped ? interrupted_code(comm_) : core::ExitCode::solved;
        progress_.end();
        core::together(comm_, [&] {
            if (!comm_.is_root()) return;
            for (auto& entry : entries_)
                if (entry.ranks == 0) entry.code = stop_code;
            results::FleetSummary summary{.fleet = options_.feeder.path,
                                          .feeders = std::move(entries_),
                                          .ranks = comm_.size(),
                                          .peak_memory_mb = peak};
            say_warnings(summary);
            code = summary.code();
            if (summary.answers() == 0) throw core::Error{code, findings_of(summary)};
            say_failures(summary);
            summary.seconds = total_.elapsed();
            write(summary);
            summary.seconds = total_.elapsed();
            tell(summary);
        });
        return static_cast<core::ExitCode>(comm_.max(static_cast<std::int64_t>(code)));
    }

    void write(results::FleetSummary const& summary) {
        if (!file_) return;
        auto const setpoints = setpoints_ ? setpoints_->in_order() : nullptr;
        file_->below({});
        results::write_fleet(*file_, summary, run_);
        file_->commit();
        if (setpoints) setpoints->commit();
    }

    void tell(results::FleetSummary const& summary) const {
        if (options_.json) fmt::print("{}\n", results::to_json(summary).dump(2));
        else if (options_.talk.quiet) return;
        else if (options_.dry_run) fmt::print("{}", plan_lines(summary));
        else fmt::print("{}\nresults: {}\n", results::to_table(summary), options_.output);
    }

    /// What solving would take: feeders of ranks of their own side by side, shared ones after each other.
    [[nodiscard]] static std::string plan_lines(results::FleetSummary const& summary) {
        double alone = 0.0, longest = 0.0, shared = 0.0, memory = 0.0, buses = 0.0;
        for (auto const& entry : summary.feeders) {
            if (!entry.has_answer()) continue;
            double const seconds = entry.summary.at("seconds").at("total").get<double>();
            buses += entry.summary.at("buses").get<double>();
            memory = std::max(memory, entry.summary.at("peak_memory_mb").get<double>());
            (entry.ranks > 1 ? shared : alone) += seconds;
            if (entry.ranks == 1) longest = std::max(longest, seconds);
        }
        return fmt::format(
            "{}: {} feeders, {:.0f} buses; {} cannot be solved as they are\n"
            "solving would take about {:.0f} MB on a rank; about {:.1f} s with a core for each of {} ranks\n"
            "dry run: nothing was solved or written\n",
            core::printable(summary.fleet), summary.feeders.size(), buses,
            static_cast<std::int64_t>(summary.feeders.size()) - summary.answers(), memory,
            shared + std::max(longest, alone / summary.ranks), summary.ranks);
    }

    /// Every finding, with the name of its feeder.
    [[nodiscard]] static std::vector<core::Finding> findings_of(results::FleetSummary const& summary) {
        std::vector<core::Finding> findings;
        for (auto const& entry : summary.feeders)
            for (auto finding : entry.findings) {
                finding.file = finding.file.empty() || finding.file == entry.source
                                   ? entry.name
                                   : fmt::format("{}: {}", entry.name, finding.file);
                findings.push_back(std::move(finding));
            }
        return findings;
    }

    static void say_failures(results::FleetSummary const& summary) {
        for (auto const& finding : findings_of(summary))
            fmt::print(stderr, "error: {}\n", core::printable(core::one_line(finding)));
        auto const failed = static_cast<std::int64_t>(summary.feeders.size()) - summary.answers();
        if (failed > 0) fmt::print(stderr, "error: {} of {} feeders have no answer\n", failed, summary.feeders.size());
    }

    /// Once for all feeders that say the same but for names and numbers.
    void say_warnings(results::FleetSummary const& summary) const {
        struct Kind {
            std::string feeder, text;
            std::size_t feeders = 0;
        };
        std::vector<Kind> kinds;
        std::map<std::string, std::size_t> known;
        for (auto const& entry : summary.feeders)
            for (auto const& warning : entry.warnings) {
                auto const [place, is_new] = known.emplace(kind_of(warning), kinds.size());
                if (is_new) kinds.push_back({entry.name, warning});
                ++kinds[place->second].feeders;
            }
        for (auto const& [feeder, text, count] : kinds)
            context_.log.warning(count == 1 ? fmt::format("{}: {}", feeder, text)
                                            : fmt::format("{}: {} (and likewise {} more)", feeder, text, count - 1));
    }
    /// The words of a warning that hold no digit.
    static std::string kind_of(std::string const& warning) {
        std::string kind;
        for (std::size_t begin = 0; begin < warning.size();) {
            auto const end = std::min(warning.find(' ', begin), warning.size());
            auto const word = warning.substr(begin, end - begin);
            begin = end + 1;
            if (word.find_first_of("0123456789") == std::string::npos) kind += word + ' ';
        }
        return kind;
    }

    Context& context_;
    core::Communicator comm_, self_{MPI_COMM_SELF};
    SolveOptions const& options_;
    Question const& question_;
    Progress& progress_;
    Clock total_;
    io::Fleet fleet_;
    Order order_;
    std::set<std::string, std::less<>> earlier_;  // names with an earlier answer
    std::vector<std::string> message_folders_;
    std::optional<double> pace_;  // of this rank's first dry run
    results::Run run_;
    std::optional<core::Hdf5Writer> file_;
    // On the root:
    std::vector<FleetEntry> entries_;
    std::optional<SetpointsFile> setpoints_;
    std::int64_t done_ = 0, failed_ = 0;
    double done_buses_ = 0.0, all_buses_ = 0.0;
};

}  // namespace

core::ExitCode solve_fleet(Context& context, SolveOptions const& options, Question const& question,
                           Progress& progress) {
    require_meant_for_fleets(options);
    return FleetRun{context, options, question, progress}.run();
}

}  // namespace dec::app
