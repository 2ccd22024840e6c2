#include "sparse_newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "petsc.hpp"

namespace dec::powerflow {

namespace {

constexpr auto width = Elimination::width;

/// What is left of the currents at a solution, pu: rounding, and what a loose tolerance leaves.
constexpr double largest_residual = 1e-8;

/// A sparse matrix as it is put together: entries of the same place add up.
struct Entries {
    std::vector<PetscInt> row, column;
    std::vector<PetscScalar> value;

    void add(PetscInt i, PetscInt k, double v) {
        row.push_back(i);
        column.push_back(k);
        value.push_back(v);
    }
    /// Complex numbers as real and imaginary parts in turn.
    void add(PetscInt first_row, PetscInt first_column, Eigen::MatrixXcd const& c) {
        for (Eigen::Index i = 0; i < c.rows(); ++i)
            for (Eigen::Index k = 0; k < c.cols(); ++k) {
                auto const at = first_row + static_cast<PetscInt>(2 * i),
                           of = first_column + static_cast<PetscInt>(2 * k);
                add(at, of, c(i, k).real());
                add(at, of + 1, -c(i, k).imag());
                add(at + 1, of, c(i, k).imag());
                add(at + 1, of + 1, c(i, k).real());
            }
    }
    void add(PetscInt first_row, PetscInt first_column, Block const& block, PetscInt size) {
        for (PetscInt i = 0; i < size; ++i)
            for (PetscInt k = 0; k < size; ++k) add(first_row + i, first_column + k, block(i, k));
    }
};

}  // namespace

struct PowerFlow::SparseNewton::System {
    using Slope = Equations::Slope;

    explicit System(Equations& equations) : e{equations} {
        require_petsc();
        number();
        make_objects();
        assemble();
        e.find_slopes(Slope::none);
        preallocate(linear, constant);
        preallocate(jacobian, with_devices());
        rebuild();
    }
    /// After `assemble`, whose entries are in the same places every time.
    void rebuild() { check(MatSetValuesCOO(linear, constant.value.data(), INSERT_VALUES)); }
    ~System() {
        SNESDestroy(&snes);
        MatDestroy(&linear);
        MatDestroy(&jacobian);
        for (Vec* v : {&x, &residual, &right, &previous}) VecDestroy(v);
    }
    System(System const&) = delete;
    System& operator=(System const&) = delete;

    [[nodiscard]] Branch branch_of(std::size_t j) const {
        auto const& vertex = e.piece.vertices[j];
        return simplest(in_coordinates(make_branch(e.piece, vertex, e.taps, e.settings.per_unit),
                                       e.piece.vertices[static_cast<std::size_t>(vertex.parent)], vertex));
    }
    /// Ties keep their coils: their currents are handed on.
    [[nodiscard]] Branch branch_of(partition::Tie const& tie) const {
        return in_coordinates(make_branch(e.piece, tie, e.taps, e.settings.per_unit),
                              e.piece.vertices[static_cast<std::size_t>(tie.from)],
                              e.piece.vertices[static_cast<std::size_t>(tie.to)]);
    }
    /// Currents into the place below, in its coordinates, behind which small sums are exact.
    static Branch simplest(Branch branch) {
        if (auto series = in_series(branch)) return std::move(*series);
        return branch;
    }
    [[nodiscard]] bool owns(partition::Tie const& tie) const { return static_cast<std::size_t>(tie.to) < e.piece.own; }
    [[nodiscard]] PetscInt size(std::size_t vertex) const {
        return static_cast<PetscInt>(2 * e.piece.vertices[vertex].phases.size());
    }

    /// Numbers of the first unknown and of the first equation of every vertex, branch and tie that this rank has to do with.
    void number() {
        auto const& piece = e.piece;
        PetscInt count = 0;
        volts_at.assign(piece.vertices.size(), -1);
        balance_at.assign(piece.vertices.size(), -1);
        for (std::size_t j = 0; j < piece.own; ++j) {
            volts_at[j] = balance_at[j] = count;
            count += size(j);
            coils_at.push_back(count);
            drop_at.push_back(count);
            if (piece.vertices[j].parent < 0) continue;
            auto const coils = static_cast<PetscInt>(2 * branch_of(j).down.rows());
            // The drop along a branch determines the voltages below, the balance there the currents: no zero on the diagonal.
            if (coils == size(j)) std::swap(balance_at[j], drop_at[j]);
            count += coils;
        }
        for (auto const& tie : piece.ties) {
            tie_coils_at.push_back(count);
            tie_coils.push_back(static_cast<PetscInt>(branch_of(tie).down.rows()));
            if (owns(tie)) count += 2 * tie_coils.back();
        }
        local = count;
        begin = 0;
        MPI_Exscan(&count, &begin, 1, MPIU_INT, MPI_SUM, e.comm.handle());
        if (e.comm.is_root()) begin = 0;
        for (std::size_t j = 0; j < piece.own; ++j)
            for (auto* at : {&volts_at, &balance_at, &coils_at, &drop_at}) (*at)[j] += begin;
        for (auto& at : tie_coils_at) at += begin;
        // Of parents beyond a cut, and of ends of ties. A double holds every index exactly.
        std::vector<double> rows(2 * piece.vertices.size());
        for (std::size_t j = 0; j < piece.own; ++j) {
            rows[2 * j] = static_cast<double>(volts_at[j]);
            rows[2 * j + 1] = static_cast<double>(balance_at[j]);
        }
        e.exchange.down(rows, 2, [](partition::VertexRange) {});
        auto const number_vertex = [&](std::size_t j, double const* numbers) {
            volts_at[j] = static_cast<PetscInt>(numbers[0]);
            balance_at[j] = static_cast<PetscInt>(numbers[1]);
        };
        for (std::size_t j = piece.own; j < piece.own + piece.halo_parents; ++j) number_vertex(j, rows.data() + 2 * j);
        auto const ends = over_ties(4, [&](std::size_t t, double* own) {
            auto const& tie = piece.ties[t];
            for (auto const vertex : {tie.from, tie.to}) {
                if (owned(vertex)) std::copy_n(rows.data() + 2 * vertex, 2, own);
                own += 2;
            }
        });
        for (auto const& tie : piece.ties) {
            number_vertex(static_cast<std::size_t>(tie.from), ends.data() + 4 * tie.row);
            number_vertex(static_cast<std::size_t>(tie.to), ends.data() + 4 * tie.row + 2);
        }
    }
    [[nodiscard]] bool owned(std::int32_t vertex) const { return static_cast<std::size_t>(vertex) < e.piece.own; }

    /// `per_tie` numbers of every tie of the feeder; each is written by one rank. Collective.
    [[nodiscard]] std::vector<double> over_ties(std::size_t per_tie, auto const& write) const {
        std::vector<double> all(per_tie * static_cast<std::size_t>(e.piece.totals.ties), 0.0);
        for (std::size_t t = 0; t < e.piece.ties.size(); ++t)
            write(t, all.data() + per_tie * static_cast<std::size_t>(e.piece.ties[t].row));
        e.comm.sum(all);
        return all;
    }

    void make_objects() {
        auto const comm = e.comm.handle();
        check(VecCreateMPI(comm, local, PETSC_DETERMINE, &x));
        for (Vec* v : {&residual, &right, &previous}) check(VecDuplicate(x, v));
        for (Mat* m : {&linear, &jacobian}) {
            check(MatCreate(comm, m));
            check(MatSetSizes(*m, local, local, PETSC_DETERMINE, PETSC_DETERMINE));
            check(MatSetType(*m, MATAIJ));
        }
        check(SNESCreate(comm, &snes));
        check(SNESSetType(snes, SNESNEWTONLS));
        check(SNESSetFunction(snes, residual, form_function, this));
        check(SNESSetJacobian(snes, jacobian, jacobian, form_jacobian, this));
        check(SNESSetConvergenceTest(snes, test, this, nullptr));
        KSP ksp = nullptr;
        PC pc = nullptr;
        check(SNESGetKSP(snes, &ksp));
        check(KSPSetType(ksp, KSPPREONLY));
        check(KSPGetPC(ksp, &pc));
        check(PCSetType(pc, PCLU));
        check(PCFactorSetMatSolverType(pc, MATSOLVERMUMPS));
        check(SNESSetFromOptions(snes));
    }

    /// Branches, ties and capacitors, and the voltages of the ideal source.
    void assemble() {
        auto const& piece = e.piece;
        constant = {};
        check(VecSet(right, 0.0));
        auto const add_branch = [&](Branch const& branch, std::size_t from, std::size_t to, PetscInt coils,
                                    PetscInt drop) {
            if (piece.vertices[from].kind != feeder::Vertex::Kind::ideal_source) {
                constant.add(balance_at[from], coils, branch.up.transpose());
                constant.add(balance_at[from], volts_at[from], branch.shunt_up);
            }
            constant.add(balance_at[to], coils, -branch.down.transpose());
            constant.add(balance_at[to], volts_at[to], branch.shunt_down);
            constant.add(drop, volts_at[to], branch.down);
            constant.add(drop, volts_at[from], -branch.up);
            constant.add(drop, coils, branch.impedance);
        };
        e.start_source();
        for (std::size_t j = 0; j < piece.own; ++j) {
            if (piece.vertices[j].parent < 0) {
                for (PetscInt i = 0; i < size(j); ++i) {
                    constant.add(volts_at[j] + i, volts_at[j] + i, 1.0);
                    check(VecSetValue(right, volts_at[j] + i, e.voltage[width * j + static_cast<std::size_t>(i)],
                                      INSERT_VALUES));
                }
                continue;
            }
            constant.add(balance_at[j], volts_at[j], e.capacitor_slope(j), size(j));
            add_branch(branch_of(j), static_cast<std::size_t>(piece.vertices[j].parent), j, coils_at[j], drop_at[j]);
        }
        for (std::size_t t = 0; t < piece.ties.size(); ++t)
            if (owns(piece.ties[t]))
                add_branch(branch_of(piece.ties[t]), static_cast<std::size_t>(piece.ties[t].from),
                           static_cast<std::size_t>(piece.ties[t].to), tie_coils_at[t], tie_coils_at[t]);
        check(VecAssemblyBegin(right));
        check(VecAssemblyEnd(right));
    }
    /// \param entries by value: PETSc sorts their indices.
    static void preallocate(Mat matrix, Entries entries) {
        check(MatSetPreallocationCOO(matrix, static_cast<PetscCount>(entries.row.size()), entries.row.data(),
                                     entries.column.data()));
    }
    /// All entries of the Jacobian, those of the devices' slopes last.
    [[nodiscard]] Entries with_devices() const {
        auto entries = constant;
        for (std::size_t j = 0; j < e.piece.own; ++j)
            if (e.piece.vertices[j].parent >= 0) entries.add(balance_at[j], volts_at[j], e.device_slope(j), size(j));
        return entries;
    }

    /// Own voltages from a vector of unknowns.
    void take(Vec unknowns) {
        PetscScalar const* values = nullptr;
        check(VecGetArrayRead(unknowns, &values));
        for (std::size_t j = 0; j < e.piece.own; ++j)
            std::copy_n(values + (volts_at[j] - begin), size(j),
                        e.voltage.begin() + static_cast<std::ptrdiff_t>(width * j));
        check(VecRestoreArrayRead(unknowns, &values));
    }
    /// Own voltages into a vector of unknowns; the other unknowns stay.
    void give(Vec unknowns) const {
        PetscScalar* values = nullptr;
        check(VecGetArray(unknowns, &values));
        for (std::size_t j = 0; j < e.piece.own; ++j)
            std::copy_n(e.voltage.begin() + static_cast<std::ptrdiff_t>(width * j), size(j),
                        values + (volts_at[j] - begin));
        check(VecRestoreArray(unknowns, &values));
    }

    /// What coils, capacitors and charging leave of the devices' currents.
    static PetscErrorCode form_function(SNES, Vec unknowns, Vec into, void* context) {
        auto& s = *static_cast<System*>(context);
        s.take(unknowns);
        check(MatMult(s.linear, unknowns, into));
        check(VecAXPY(into, -1.0, s.right));
        s.e.find_slopes(Slope::none);
        s.e.gather(s.e.own_current);
        PetscScalar* values = nullptr;
        check(VecGetArray(into, &values));
        for (std::size_t j = 0; j < s.e.piece.own; ++j)
            for (PetscInt i = 0; i < s.size(j) && s.e.piece.vertices[j].parent >= 0; ++i)
                values[s.balance_at[j] - s.begin + i] += s.e.own_current[width * j + static_cast<std::size_t>(i)];
        check(VecRestoreArray(into, &values));
        return 0;
    }
    static PetscErrorCode form_jacobian(SNES, Vec unknowns, Mat, Mat into, void* context) {
        auto& s = *static_cast<System*>(context);
        s.take(unknowns);
        s.assemble_jacobian(into, Slope::tangent);
        return 0;
    }
    void assemble_jacobian(Mat into, Slope kind) {
        ++e.factorisations;
        e.find_slopes(kind);
        check(MatSetValuesCOO(into, with_devices().value.data(), INSERT_VALUES));
    }
    /// Newton's method ends where no voltage moves and no current is left.
    static PetscErrorCode test(SNES solver, PetscInt iteration, PetscReal, PetscReal, PetscReal norm,
                               SNESConvergedReason* reason, void* context) {
        auto& s = *static_cast<System*>(context);
        Vec now = nullptr;
        check(SNESGetSolution(solver, &now));
        double change = s.largest_change(now);
        check(VecCopy(now, s.previous));
        *reason = SNES_CONVERGED_ITERATING;
        if (!std::isfinite(norm)) *reason = SNES_DIVERGED_FNORM_NAN;
        if (iteration == 0) return 0;
        s.changes.push_back(change);
        double const tolerance = s.e.settings.tolerance_pu;
        if (change <= tolerance && norm <= std::max(largest_residual, tolerance))
            *reason = SNES_CONVERGED_SNORM_RELATIVE;
        else if (iteration >= s.e.settings.max_iterations) *reason = SNES_DIVERGED_MAX_IT;
        return 0;
    }
    [[nodiscard]] double largest_change(Vec now) const {
        PetscScalar const *a = nullptr, *b = nullptr;
        check(VecGetArrayRead(now, &a));
        check(VecGetArrayRead(previous, &b));
        double change = 0.0;
        for (std::size_t j = 0; j < e.piece.own; ++j)
            for (PetscInt i = volts_at[j] - begin; i < volts_at[j] - begin + size(j); i += 2)
                change = std::max(change, std::hypot(a[i] - b[i], a[i + 1] - b[i + 1]));
        check(VecRestoreArrayRead(now, &a));
        check(VecRestoreArrayRead(previous, &b));
        return e.comm.max(change);
    }

    /// The voltages at no load; false where nothing determines them.
    [[nodiscard]] bool start_at_no_load() {
        assemble_jacobian(jacobian, Slope::none);
        KSP ksp = nullptr;
        check(SNESGetKSP(snes, &ksp));
        check(KSPSetOperators(ksp, jacobian, jacobian));
        check(KSPSolve(ksp, right, x));
        KSPConvergedReason reason{};
        check(KSPGetConvergedReason(ksp, &reason));
        // Of a system that is singular but for rounding the direct solver gives something all the same.
        PetscReal left = 0.0;
        check(MatMult(linear, x, residual));
        check(VecAXPY(residual, -1.0, right));
        check(VecNorm(residual, NORM_INFINITY, &left));
        return reason >= 0 && left < largest_residual;
    }

    /// Voltages beyond cuts and at far ends of ties, and what the ties carry.
    void hand_on() {
        take(x);
        e.exchange.down(e.voltage, width, [](partition::VertexRange) {});
        auto const& piece = e.piece;
        if (piece.totals.ties > 0) {
            auto const most = static_cast<std::size_t>(e.comm.max(
                tie_coils.empty() ? std::int64_t{0} : static_cast<std::int64_t>(std::ranges::max(tie_coils))));
            PetscScalar const* values = nullptr;
            check(VecGetArrayRead(x, &values));
            auto const all = over_ties(2 * width + 2 * most, [&](std::size_t t, double* own) {
                auto const& tie = piece.ties[t];
                auto const row = [&](std::int32_t v) {
                    return e.voltage.begin() + static_cast<std::ptrdiff_t>(width) * v;
                };
                if (owned(tie.from)) std::copy_n(row(tie.from), width, own);
                if (owned(tie.to)) std::copy_n(row(tie.to), width, own + width);
                if (owns(tie)) std::copy_n(values + (tie_coils_at[t] - begin), 2 * tie_coils[t], own + 2 * width);
            });
            check(VecRestoreArrayRead(x, &values));
            e.tie_currents.clear();
            for (std::size_t t = 0; t < piece.ties.size(); ++t) {
                auto const& tie = piece.ties[t];
                auto const* const of = all.data() + (2 * width + 2 * most) * static_cast<std::size_t>(tie.row);
                std::copy_n(of, width, e.voltage.begin() + static_cast<std::ptrdiff_t>(width) * tie.from);
                std::copy_n(of + width, width, e.voltage.begin() + static_cast<std::ptrdiff_t>(width) * tie.to);
                e.tie_currents.emplace_back(
                    Eigen::Map<Eigen::VectorXcd const>{reinterpret_cast<Complex const*>(of + 2 * width), tie_coils[t]});
            }
        }
        e.find_voltages_to_ground();
    }

    void find_mismatch(Outcome& outcome) {
        check(form_function(snes, x, residual, this));
        PetscScalar const* values = nullptr;
        check(VecGetArrayRead(residual, &values));
        double worst = -1.0;
        std::size_t vertex = 0, place = 0;
        for (std::size_t j = 0; j < e.piece.own; ++j)
            for (std::size_t k = 0; k < e.piece.vertices[j].phases.size() && e.piece.vertices[j].bus.valid(); ++k) {
                auto const at = balance_at[j] - begin + static_cast<PetscInt>(2 * k);
                double const kva = std::hypot(values[at], values[at + 1]) * std::abs(e.volts(j)[k]) *
                                   e.settings.per_unit.base_va / 1000.0;
                if (!(kva > worst)) continue;
                worst = kva;
                vertex = j;
                place = k;
            }
        check(VecRestoreArrayRead(residual, &values));
        e.name_mismatch(outcome, worst, vertex, place);
    }

    Equations& e;
    PetscInt local = 0, begin = 0;  // unknowns of this rank, and the number of the first
    std::vector<PetscInt> volts_at,
        balance_at;  // of local vertices: first voltage, first balance of currents; -1: not known
    std::vector<PetscInt> coils_at,
        drop_at;  // of the branches above own vertices: first current, first voltage equation
    std::vector<PetscInt> tie_coils_at, tie_coils;
    Entries constant;
    Mat linear = nullptr, jacobian = nullptr;
    Vec x = nullptr, residual = nullptr, right = nullptr, previous = nullptr;
    SNES snes = nullptr;
    std::vector<double> changes;
};

PowerFlow::SparseNewton::SparseNewton(Equations& equations) : system_{std::make_unique<System>(equations)} {}
PowerFlow::SparseNewton::~SparseNewton() = default;

void PowerFlow::SparseNewton::rebuild() {
    system_->assemble();
    system_->rebuild();
}

Outcome PowerFlow::SparseNewton::solve(Start start) {
    auto& s = *system_;
    auto& e = s.e;
    double const began = MPI_Wtime();
    Outcome outcome{.solver = Solver::sparse};
    e.factorisations = 0;
    s.changes.clear();
    bool determined = true;
    if (start == Start::no_load) determined = s.start_at_no_load();
    else s.give(s.x);
    core::together(e.comm, [&] {
        if (!determined)
            throw core::InvalidInput{{e.piece.feeder.heading.origin, "the network",
                                      "nothing determines its voltages or currents",
                                      "an ideal winding needs an impedance, and so does a loop of switches"}};
    });
    check(VecCopy(s.x, s.previous));
    check(SNESSolve(s.snes, nullptr, s.x));
    SNESConvergedReason reason{};
    PetscReal left = 0.0;
    check(SNESGetConvergedReason(s.snes, &reason));
    check(SNESGetFunctionNorm(s.snes, &left));
    // At the rounding of the currents no step along a line makes them smaller.
    bool const at_rounding = reason == SNES_DIVERGED_LINE_SEARCH && left <= 1e-2 * largest_residual;
    outcome.status = reason > 0 || at_rounding ? Status::converged : Status::diverged;
    outcome.iterations = static_cast<std::int64_t>(s.changes.size());
    outcome.changes = s.changes;
    outcome.change_pu = s.changes.empty() ? 0.0 : s.changes.back();
    outcome.factorisations = e.factorisations;
    s.hand_on();
    s.find_mismatch(outcome);
    outcome.seconds = MPI_Wtime() - began;
    return outcome;
}

}  // namespace dec::powerflow
