#include "dec/results/exported_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "dec/coordination/power_limits.hpp"
#include "dec/core/npz.hpp"
#include "dec/core/output_file.hpp"

namespace dec::results {

namespace {

using solvers::Index;
using solvers::infinity;
using solvers::Vector;
using RowMajor = Eigen::SparseMatrix<double, Eigen::RowMajor>;

/// "bus.A"; star points by their transformer, the ideal source as "source".
std::string place_name(partition::Piece const& piece, partition::LocalVertex const& vertex, feeder::Phase phase) {
    auto const what = vertex.bus.valid() ? std::string{piece.feeder.buses.name(vertex.bus)}
                      : vertex.transformer.valid()
                          ? fmt::format("star of {}", piece.feeder.transformers.name(vertex.transformer))
                          : std::string{"source"};
    return fmt::format("{}.{}", what, feeder::to_text(phase));
}

void name_variables(ExportedProgram& program, partition::Piece const& piece, model::AssembledProgram const& assembled,
                    bool whole_feeder) {
    auto& names = program.form.program.names;
    auto const name_of_der = [&](std::int32_t d) {
        core::Index<feeder::PvSystem> const id{d};
        auto const mrid = piece.feeder.pv_systems.mrid(id);
        return mrid.empty() ? piece.feeder.pv_systems.name(id) : mrid;
    };
    for (std::size_t k = 0; k < assembled.der.size(); ++k)
        names.push_back(
            fmt::format("{}:{}", assembled.reactive[k] != 0 ? "q" : "alpha", name_of_der(assembled.der[k])));
    for (auto const& group : assembled.program.groups) {
        auto const local = std::ranges::find(piece.agent_row, group.number) - piece.agent_row.begin();
        names.push_back(whole_feeder ? std::string{"fraction:feeder"}
                                     : fmt::format("fraction:{}", piece.agents.name(core::Index<partition::Agent>{
                                                                      static_cast<std::int32_t>(local)})));
    }
    auto const& vertices = assembled.program.vertices;
    std::vector<std::int32_t> own(vertices.size(), -1);  // -1: the place of a DER
    for (std::size_t j = 0; j < piece.own; ++j)
        own[static_cast<std::size_t>(assembled.vertex[j])] = static_cast<std::int32_t>(j);
    auto const der_at = [&](std::size_t i) {
        return name_of_der(assembled.der[static_cast<std::size_t>(vertices[i].first_control)]);
    };
    for (std::size_t i = 0; i < vertices.size(); ++i) {
        if (own[i] < 0) names.push_back(fmt::format("v:{}", der_at(i)));
        else
            for (auto const& at = piece.vertices[static_cast<std::size_t>(own[i])]; auto p : at.phases.list())
                names.push_back("v:" + place_name(piece, at, p));
    }
    for (std::size_t i = 0; i < vertices.size(); ++i) {
        if (own[i] < 0) {
            names.push_back(fmt::format("curtailed:{}", der_at(i)));
            names.push_back(fmt::format("drawn:{}", der_at(i)));
            continue;
        }
        auto const& at = piece.vertices[static_cast<std::size_t>(own[i])];
        for (std::size_t half = 0; half * vertices[i].rows < vertices[i].flows; ++half)
            for (auto p : at.phases.list()) names.push_back((half == 0 ? "p:" : "q:") + place_name(piece, at, p));
    }
}

/// ||(p, q)|| <= 1 of inverters and of branches whose reactive power is a variable.
void add_circles(ExportedProgram& program, model::LinDist3Flow const& flow, model::AssembledProgram const& assembled,
                 model::PowerLimits const& powers) {
    auto const& vertices = assembled.program.vertices;
    std::vector<Index> first_flow;
    Index next = program.form.first_flow;
    for (auto const& vertex : vertices) {
        first_flow.push_back(next);
        next += vertex.flows;
    }
    std::vector<Eigen::Triplet<double>> entries;
    std::vector<double> centres;
    auto const entry = [&](Index variable, double value, std::size_t of) {
        entries.emplace_back(static_cast<int>(centres.size() + of), static_cast<int>(variable), value);
    };
    for (std::size_t k = 0; k < assembled.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled.der[k]);
        if (assembled.reactive[k] == 0) continue;
        auto const leaf = first_flow[static_cast<std::size_t>(assembled.program.controls[k].vertex)];
        entry(leaf, -1.0, 0);
        entry(leaf + 1, -1.0, 1);
        centres.push_back(flow.ders()[d].available / powers.ders[d].rated);
        centres.push_back(0.0);
    }
    for (auto const& branch : powers.branches) {
        auto const i = static_cast<std::size_t>(assembled.vertex[static_cast<std::size_t>(branch.vertex)]);
        if (vertices[i].flows == vertices[i].rows) continue;
        Index row = 0;
        for (auto p : flow.piece().vertices[static_cast<std::size_t>(branch.vertex)].phases.list()) {
            double const weight = branch.weight[static_cast<Index>(feeder::slot(p))] / branch.limit;
            entry(first_flow[i] + row, weight, 0);
            entry(first_flow[i] + vertices[i].rows + row, weight, 1);
            ++row;
        }
        centres.insert(centres.end(), {0.0, 0.0});
    }
    program.circles.resize(static_cast<Index>(centres.size()), program.form.program.variables());
    program.circles.setFromTriplets(entries.begin(), entries.end());
    program.centres = Eigen::Map<Vector const>(centres.data(), static_cast<Index>(centres.size()));
}

void add_matrix(core::NpzArchive& archive, std::string const& name, solvers::SparseMatrix const& matrix) {
    RowMajor rows = matrix;
    rows.makeCompressed();
    std::vector<std::int64_t> const indices(rows.innerIndexPtr(), rows.innerIndexPtr() + rows.nonZeros());
    std::vector<std::int64_t> const starts(rows.outerIndexPtr(), rows.outerIndexPtr() + rows.rows() + 1);
    std::vector<std::int64_t> const shape{rows.rows(), rows.cols()};
    archive.add(name + "_data", std::span<double const>{rows.valuePtr(), static_cast<std::size_t>(rows.nonZeros())});
    archive.add(name + "_indices", std::span<std::int64_t const>{indices});
    archive.add(name + "_indptr", std::span<std::int64_t const>{starts});
    archive.add(name + "_shape", std::span<std::int64_t const>{shape});
}

std::span<double const> values(Vector const& vector) {
    return {vector.data(), static_cast<std::size_t>(vector.size())};
}

/// Rows and columns that stay, renumbered; the rest is multiplied out.
struct Reduced {
    solvers::SparseMatrix matrix;
    Vector shift;  ///< what the columns that are gone add to each row that stays
};
Reduced reduced(solvers::SparseMatrix const& matrix, std::vector<Index> const& row, Index rows,
                std::vector<Index> const& column, Index columns, Vector const& fixed) {
    Reduced result{solvers::SparseMatrix{rows, columns}, Vector::Zero(rows)};
    std::vector<Eigen::Triplet<double>> entries;
    for (Index c = 0; c < matrix.outerSize(); ++c)
        for (solvers::SparseMatrix::InnerIterator it{matrix, c}; it; ++it) {
            auto const r = row[static_cast<std::size_t>(it.row())];
            if (r < 0) continue;
            auto const to = column[static_cast<std::size_t>(c)];
            if (to < 0) result.shift(r) += it.value() * fixed(c);
            else entries.emplace_back(static_cast<int>(r), static_cast<int>(to), it.value());
        }
    result.matrix.setFromTriplets(entries.begin(), entries.end());
    return result;
}

std::vector<Index> numbered(std::vector<char> const& gone, Index& count) {
    std::vector<Index> number;
    count = 0;
    for (char const g : gone) number.push_back(g != 0 ? Index{-1} : count++);
    return number;
}

Vector picked(Vector const& all, std::vector<Index> const& number, Index count) {
    Vector result(count);
    for (std::size_t i = 0; i < number.size(); ++i)
        if (number[i] >= 0) result(number[i]) = all(static_cast<Index>(i));
    return result;
}

std::string mps_name(std::string name) {
    std::ranges::replace_if(
        name, [](unsigned char c) { return c <= ' ' || c == 0x7f; }, '_');
    return name;
}

}  // namespace

ExportedProgram export_program(core::Communicator const& alone, model::LinDist3Flow& flow,
                               fairness::Policy const& policy, coordination::Settings const& settings, bool polygons) {
    auto const& piece = flow.piece();
    model::FlowState uncurtailed, everything;
    std::vector<double> available_kw;
    for (auto const& der : flow.ders())
        available_kw.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
    flow.solve(std::vector<double>(available_kw.size(), 0.0), uncurtailed);
    auto const nodes = coordination::limited_nodes(piece, settings.limits, uncurtailed);
    auto const decisions = fairness::decide(policy, settings.scope, piece, available_kw, settings.contracts);
    flow.solve(std::vector<double>(available_kw.size(), 1.0), everything);
    auto const ratings = coordination::rated_branches(flow, settings.ratings, uncurtailed, everything).limited;
    auto const powers = coordination::power_limits(flow, decisions, settings, ratings, uncurtailed, everything);
    auto const assembled = model::assemble(alone, flow, coordination::squared_limits(piece, nodes), decisions, powers,
                                           polygons ? model::Circles::polygons : model::Circles::none);
    ExportedProgram program{.form = solvers::sparse_form(assembled.program)};
    if (!polygons) add_circles(program, flow, assembled, powers);
    name_variables(program, piece, assembled, !policy.shared_fraction || settings.scope == fairness::Scope::feeder);
    return program;
}

ExportedProgram without_fixed(ExportedProgram const& program) {
    auto const& qp = program.form.program;
    RowMajor const A = qp.A;
    std::vector<char> gone(static_cast<std::size_t>(qp.variables()), 0),
        row_gone(static_cast<std::size_t>(qp.equalities()), 0);
    Vector fixed = Vector::Zero(qp.variables());
    std::vector<Index> waiting, unknowns(static_cast<std::size_t>(qp.equalities()), 0);
    auto const is_gone = [&](Index variable) { return gone[static_cast<std::size_t>(variable)] != 0; };
    for (Index r = 0; r < A.rows(); ++r) {
        for (RowMajor::InnerIterator it{A, r}; it; ++it)
            if (it.value() != 0.0) ++unknowns[static_cast<std::size_t>(r)];
        if (unknowns[static_cast<std::size_t>(r)] == 1) waiting.push_back(r);
    }
    while (!waiting.empty()) {
        auto const r = waiting.back();
        waiting.pop_back();
        if (unknowns[static_cast<std::size_t>(r)] != 1 || row_gone[static_cast<std::size_t>(r)] != 0) continue;
        double rest = qp.b(r), coefficient = 0.0;
        Index variable = -1;
        for (RowMajor::InnerIterator it{A, r}; it; ++it) {
            if (it.value() == 0.0) continue;
            if (is_gone(it.col())) rest -= it.value() * fixed(it.col());
            else {
                variable = it.col();
                coefficient = it.value();
            }
        }
        fixed(variable) = rest / coefficient;
        gone[static_cast<std::size_t>(variable)] = 1;
        row_gone[static_cast<std::size_t>(r)] = 1;
        for (solvers::SparseMatrix::InnerIterator it{qp.A, variable}; it; ++it)
            if (it.value() != 0.0 && --unknowns[static_cast<std::size_t>(it.row())] == 1) waiting.push_back(it.row());
    }
    // Inequalities between numbers that hold.
    Vector const level = qp.G * fixed;
    std::vector<Index> left(static_cast<std::size_t>(qp.inequalities()), 0);
    for (Index c = 0; c < qp.G.outerSize(); ++c)
        for (solvers::SparseMatrix::InnerIterator it{qp.G, c}; it; ++it)
            if (!is_gone(c)) ++left[static_cast<std::size_t>(it.row())];
    std::vector<char> limit_gone;
    for (Index r = 0; r < qp.inequalities(); ++r)
        limit_gone.push_back(
            left[static_cast<std::size_t>(r)] == 0 && level(r) >= qp.h_low(r) && level(r) <= qp.h_high(r) ? 1 : 0);

    ExportedProgram lean;
    Index variables = 0, equalities = 0, inequalities = 0;
    auto const column = numbered(gone, variables);
    auto const equality = numbered(row_gone, equalities);
    auto const inequality = numbered(limit_gone, inequalities);
    auto& to = lean.form.program;
    to = solvers::QuadraticProgram::of_size(variables, equalities, inequalities);
    auto const a = reduced(qp.A, equality, equalities, column, variables, fixed);
    auto const g = reduced(qp.G, inequality, inequalities, column, variables, fixed);
    to.P = reduced(qp.P, column, variables, column, variables, fixed).matrix;
    to.A = a.matrix;
    to.G = g.matrix;
    to.q = picked(qp.q, column, variables);
    to.offset = qp.offset + qp.objective(fixed) - qp.objective(Vector::Zero(qp.variables()));
    to.b = picked(qp.b, equality, equalities) - a.shift;
    to.h_low = picked(qp.h_low, inequality, inequalities) - g.shift;
    to.h_high = picked(qp.h_high, inequality, inequalities) - g.shift;
    to.lb = picked(qp.lb, column, variables);
    to.ub = picked(qp.ub, column, variables);
    for (std::size_t i = 0; i < qp.names.size(); ++i)
        if (gone[i] == 0) to.names.push_back(qp.names[i]);
    std::vector<Index> every(static_cast<std::size_t>(program.centres.size()));
    std::iota(every.begin(), every.end(), Index{0});
    auto const circles = reduced(program.circles, every, program.centres.size(), column, variables, fixed);
    lean.circles = circles.matrix;
    lean.centres = program.centres + circles.shift;
    for (auto const& log : program.form.logs)
        lean.form.logs.push_back({column[static_cast<std::size_t>(log.variable)], log.weight});
    return lean;
}

void write_npz(ExportedProgram const& program, std::string const& path) {
    auto const& qp = program.form.program;
    core::NpzArchive archive;
    Vector const diagonal = qp.P.diagonal();
    archive.add("P", values(diagonal));
    archive.add("q", values(qp.q));
    archive.add("offset", qp.offset);
    add_matrix(archive, "A", qp.A);
    archive.add("b", values(qp.b));
    add_matrix(archive, "G", qp.G);
    archive.add("h_low", values(qp.h_low));
    archive.add("h_high", values(qp.h_high));
    archive.add("lb", values(qp.lb));
    archive.add("ub", values(qp.ub));
    archive.add("names", std::span<std::string const>{qp.names});
    if (program.centres.size() > 0) {
        add_matrix(archive, "circles", program.circles);
        archive.add("centres", values(program.centres));
    }
    if (!program.form.logs.empty()) {
        std::vector<std::int64_t> terms;
        std::vector<double> weights;
        for (auto const& log : program.form.logs) {
            terms.push_back(log.variable);
            weights.push_back(log.weight);
        }
        archive.add("log_terms", std::span<std::int64_t const>{terms});
        archive.add("log_weights", std::span<double const>{weights});
    }
    archive.write(path);
}

void write_mps(ExportedProgram const& program, std::string const& path) {
    auto const& qp = program.form.program;
    std::string text = "NAME dec\nROWS\n N cost\n";
    auto out = std::back_inserter(text);
    auto const kind = [&](Index r) {
        if (qp.h_low(r) == qp.h_high(r)) return 'E';
        return qp.h_high(r) < infinity ? 'L' : qp.h_low(r) > -infinity ? 'G' : 'N';
    };
    for (Index r = 0; r < qp.equalities(); ++r) fmt::format_to(out, " E e{}\n", r);
    for (Index r = 0; r < qp.inequalities(); ++r) fmt::format_to(out, " {} g{}\n", kind(r), r);
    text += "COLUMNS\n";
    std::vector<std::string> names;
    for (auto const& name : qp.names) names.push_back(mps_name(name));
    auto const name = [&](Index c) -> std::string const& { return names[static_cast<std::size_t>(c)]; };
    for (Index c = 0; c < qp.variables(); ++c) {
        fmt::format_to(out, " {} cost {}\n", name(c), qp.q(c));
        for (solvers::SparseMatrix::InnerIterator it{qp.A, c}; it; ++it)
            fmt::format_to(out, " {} e{} {}\n", name(c), it.row(), it.value());
        for (solvers::SparseMatrix::InnerIterator it{qp.G, c}; it; ++it)
            fmt::format_to(out, " {} g{} {}\n", name(c), it.row(), it.value());
    }
    text += "RHS\n";
    if (qp.offset != 0.0) fmt::format_to(out, " rhs cost {}\n", -qp.offset);
    for (Index r = 0; r < qp.equalities(); ++r)
        if (qp.b(r) != 0.0) fmt::format_to(out, " rhs e{} {}\n", r, qp.b(r));
    for (Index r = 0; r < qp.inequalities(); ++r)
        if (kind(r) != 'N') fmt::format_to(out, " rhs g{} {}\n", r, kind(r) == 'G' ? qp.h_low(r) : qp.h_high(r));
    text += "RANGES\n";
    for (Index r = 0; r < qp.inequalities(); ++r)
        if (kind(r) == 'L' && qp.h_low(r) > -infinity)
            fmt::format_to(out, " rng g{} {}\n", r, qp.h_high(r) - qp.h_low(r));
    text += "BOUNDS\n";
    for (Index c = 0; c < qp.variables(); ++c) {
        if (qp.lb(c) == -infinity && qp.ub(c) == infinity) fmt::format_to(out, " FR bnd {}\n", name(c));
        else if (qp.lb(c) == -infinity) fmt::format_to(out, " MI bnd {}\n", name(c));
        else fmt::format_to(out, " LO bnd {} {}\n", name(c), qp.lb(c));
        if (qp.ub(c) < infinity) fmt::format_to(out, " UP bnd {} {}\n", name(c), qp.ub(c));
    }
    if (qp.P.nonZeros() > 0) text += "QUADOBJ\n";
    for (Index c = 0; c < qp.variables(); ++c)
        for (solvers::SparseMatrix::InnerIterator it{qp.P, c}; it; ++it)
            if (it.row() <= c) fmt::format_to(out, " {} {} {}\n", name(it.row()), name(c), it.value());
    text += "ENDATA\n";
    core::write_file(path, text);
}

}  // namespace dec::results
