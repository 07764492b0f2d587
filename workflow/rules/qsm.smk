"""QSM: from wrapped phase to susceptibility maps, one job per step and session for all echoes and echo sets.

Equations and papers stand in the head of each file of src/chiomics/qsm. Rules are made for groups of sessions that write
the same files (`qsm_groups`); most cohorts are one group, and their rules have the plain names.
"""


rule qsm:
    """Make the susceptibility maps and pictures of every session."""
    input:
        map_or_reason(when_asked(qsm_targets)),


if any(map(finds_brain_alone, SESSIONS.values())):
    serve_only(["mask_given_map"], list(filter(finds_brain_alone, SESSIONS.values())))

    rule mask_given_map:
        """Find the brain on the magnitude beside a map of the user's own that comes without a mask."""
        input:
            unpack(gre_files),
            given_mask=partial(inputs_of, column="brain_mask"),
        output:
            brain_mask=derivative("mask", desc="brain"),
            brain_sidecar=derivative("mask", ".json", desc="brain"),
        log:
            job_file("logs", "mask_given_map", ".log"),
        benchmark:
            job_file("benchmarks", "mask_given_map", ".tsv")
        conda:
            "../../envs/qsm.yaml"
        resources:
            mem_mb=partial(megabytes_for_size, copies=30),
            runtime=partial(minutes_for_size, minutes_per_megavoxel=1),
        params:
            gre=gre_parameters,
            on_failure=ANATOMY_ON_FAILURE,
            method=config["qsm"]["brain_mask"],
            volumes=config["qsm"]["brain_volume"],
        script:
            "../../scripts/qsm/mask_brain.py"


for group, sets, r2star, one_job in qsm_groups():
    results = qsm_results(sets, r2star)
    if one_job:

        rule:
            """Take the five steps below in one job: small images would spend more on starting five."""
            name:
                f"reconstruct_qsm{group}"
            input:
                unpack(gre_files),
                given_mask=partial(inputs_of, column="brain_mask"),
            output:
                **results | {name: intermediate(results[name]) for name in ("local_fields", "weights")},
                figure=QSM_FIGURE,
            log:
                job_file("logs", "reconstruct_qsm", ".log"),
            benchmark:
                job_file("benchmarks", "reconstruct_qsm", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            threads: threads_for_size
            resources:
                mem_mb=partial(megabytes_for_size, copies=60),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=4),
            params:
                gre=gre_parameters,
                on_failure=ON_FAILURE,
                echo_sets=first_sets_of_job,
                settings=inversion_settings(),
                simulated=is_simulated,
            script:
                "../../scripts/qsm/reconstruct_qsm.py"

    else:

        rule:
            """Find the brain on the magnitude, or take the mask of the manifest."""
            name:
                f"mask_brain{group}"
            input:
                unpack(gre_files),
                given_mask=partial(inputs_of, column="brain_mask"),
            output:
                brain_mask=results["brain_mask"],
                brain_sidecar=results["brain_sidecar"],
            log:
                job_file("logs", "mask_brain", ".log"),
            benchmark:
                job_file("benchmarks", "mask_brain", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            resources:
                mem_mb=partial(megabytes_for_size, copies=30),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=1),
            params:
                gre=gre_parameters,
                on_failure=ON_FAILURE,
                method=config["qsm"]["brain_mask"],
                volumes=config["qsm"]["brain_volume"],
                simulated=is_simulated,
            script:
                "../../scripts/qsm/mask_brain.py"

        rule:
            """Unwrap the phase and estimate the total field of every echo set (default) or echo (published)."""
            name:
                f"unwrap_phase{group}"
            input:
                unpack(gre_files),
                brain_mask=results["brain_mask"],
            output:
                **{key: results[key] for key in ("r2star", "r2star_sidecar") if r2star},
                total_fields=temp(derivative("fieldmap", ".nii", desc="total")),
                inverse_sd=temp(derivative("inverseSD", ".nii", desc="total")),
                quality=temp(derivative("quality", ".nii", desc="total")),
                reliable_mask=temp(derivative("mask", desc="reliable")),
                total_sidecar=temp(derivative("fieldmap", ".json", desc="total")),
            log:
                job_file("logs", "unwrap_phase", ".log"),
            benchmark:
                job_file("benchmarks", "unwrap_phase", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            threads: threads_for_size
            resources:
                mem_mb=partial(megabytes_for_size, copies=60),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=2),
            params:
                gre=gre_parameters,
                on_failure=ON_FAILURE,
                echo_sets=first_sets_of_job,
                settings={key: config["qsm"][key] for key in ("preset", "phase", "bipolar")},
            script:
                "../../scripts/qsm/unwrap_phase.py"

        rule:
            """Remove the field of sources outside the brain."""
            name:
                f"remove_background{group}"
            input:
                total_fields=derivative("fieldmap", ".nii", desc="total"),
                inverse_sd=derivative("inverseSD", ".nii", desc="total"),
                quality=derivative("quality", ".nii", desc="total"),
                reliable_mask=derivative("mask", desc="reliable"),
                total_sidecar=derivative("fieldmap", ".json", desc="total"),
            output:
                local_fields=intermediate(results["local_fields"]),
                field_sidecars=results["field_sidecars"],
                mask=results["mask"],
                mask_sidecar=results["mask_sidecar"],
                quality_map=results["quality_map"],
                quality_sidecar=results["quality_sidecar"],
                quality_table=results["quality_table"],
                weights=intermediate(results["weights"]),
                weight_sidecars=results["weight_sidecars"],
            log:
                job_file("logs", "remove_background", ".log"),
            benchmark:
                job_file("benchmarks", "remove_background", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            threads: threads_for_size
            resources:
                mem_mb=partial(megabytes_for_size, copies=60),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=2),
            params:
                on_failure=ON_FAILURE,
                raw=raw_files_unrecorded,
                echo_sets=first_sets_of_job,
                settings={key: config["qsm"][key] for key in ("preset", "phase", "backend")},
            script:
                "../../scripts/qsm/remove_background.py"

        rule:
            """Invert the local fields of all echo sets and refer the maps to one region."""
            name:
                f"invert_dipole{group}"
            input:
                unpack(gre_files),
                local_fields=results["local_fields"],
                field_sidecars=results["field_sidecars"],
                weights=results["weights"],
                mask=results["mask"],
                brain_sidecar=results["brain_sidecar"],
                r2star=results.get("r2star", []),
            output:
                maps=results["maps"],
                map_sidecars=results["map_sidecars"],
                reference_mask=results["reference_mask"],
                reference_sidecar=results["reference_sidecar"],
            log:
                job_file("logs", "invert_dipole", ".log"),
            benchmark:
                job_file("benchmarks", "invert_dipole", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            threads: threads_for_size
            resources:
                mem_mb=partial(megabytes_for_size, copies=60),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=4),
            params:
                on_failure=ON_FAILURE,
                raw=raw_files_unrecorded,
                gre=gre_parameters,
                echo_sets=first_sets_of_job,
                settings=inversion_settings(),
            script:
                "../../scripts/qsm/invert_dipole.py"

        rule:
            """Draw magnitude, phase, local field and susceptibility of all echoes in three planes."""
            name:
                f"plot_qsm{group}"
            input:
                unpack(gre_files),
                local_field=results["local_fields"][0],
                chi=results["maps"][0],
                sidecar=results["map_sidecars"][0],
                mask=results["mask"],
                brain_mask=results["brain_mask"],
                r2star=results.get("r2star", []),
                quality=results["quality_map"],
                others=results["maps"][1 : len(sets)],
            output:
                figure=QSM_FIGURE,
            log:
                job_file("logs", "plot_qsm", ".log"),
            benchmark:
                job_file("benchmarks", "plot_qsm", ".tsv")
            conda:
                "../../envs/qsm.yaml"
            resources:
                mem_mb=partial(megabytes_for_size, copies=30),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=1),
            params:
                on_failure=ON_FAILURE,
                raw=raw_files_unrecorded,
                gre=gre_parameters,
                sets=list(sets),
                simulated=is_simulated,
            script:
                "../../scripts/qsm/plot_qsm.py"


if any(map(added_maps, qsm_sessions())):
    # A job that makes several files at once goes before one that makes a file alone.
    for group, *_, one_job in qsm_groups():
        at_once = ("reconstruct_qsm",) * 2 if one_job else ("remove_background", "invert_dipole")
        for rule_at_once, rule_alone in zip(at_once, ("add_echo_set", "add_map"), strict=True):
            workflow.ruleorder(rule_at_once + group, rule_alone)

    rule add_echo_set:
        """Estimate the local field of an echo set that was chosen after a session's others were made."""
        input:
            unpack(gre_files),
            brain_mask=derivative("mask", desc="brain"),
        output:
            local_field=intermediate(of_echo_set("fieldmap")),
            sidecar=of_echo_set("fieldmap", ".json"),
            weight=intermediate(of_echo_set("weights")),
            weight_sidecar=of_echo_set("weights", ".json"),
        log:
            job_file("logs", "add_echo_set_{echo_set}", ".log"),
        benchmark:
            job_file("benchmarks", "add_echo_set_{echo_set}", ".tsv")
        conda:
            "../../envs/qsm.yaml"
        threads: threads_for_size
        resources:
            mem_mb=partial(megabytes_for_size, copies=60),
            runtime=partial(minutes_for_size, minutes_per_megavoxel=4),
        params:
            gre=gre_parameters,
            on_failure=ON_FAILURE,
            echo_sets=added_set_of_job,
            settings={key: config["qsm"][key] for key in ("preset", "phase", "bipolar", "backend")},
        script:
            "../../scripts/qsm/add_echo_set.py"

    rule add_map:
        """Invert the local field of one echo set by one inversion more, on the masks that the session has."""
        input:
            unpack(gre_files),
            local_field=of_echo_set("fieldmap"),
            sidecar=of_echo_set("fieldmap", ".json"),
            weight=of_echo_set("weights"),
            mask=derivative("mask", desc="qsm"),
            brain_sidecar=derivative("mask", ".json", desc="brain"),
            r2star=r2star_of,
        output:
            chi=of_echo_set("Chimap", rec="INVERSION"),
            chi_sidecar=of_echo_set("Chimap", ".json", rec="INVERSION"),
        log:
            job_file("logs", "add_map_{inversion}_{echo_set}", ".log"),
        benchmark:
            job_file("benchmarks", "add_map_{inversion}_{echo_set}", ".tsv")
        conda:
            "../../envs/qsm.yaml"
        threads: threads_for_size
        resources:
            mem_mb=partial(megabytes_for_size, copies=60),
            runtime=partial(minutes_for_size, minutes_per_megavoxel=4),
        params:
            on_failure=ON_FAILURE,
            raw=raw_files_unrecorded,
            gre=gre_parameters,
            settings=inversion_settings,
        script:
            "../../scripts/qsm/add_map.py"
